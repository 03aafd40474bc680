# Reports and exports.
export-bar = Exporting
export-done = { $rows ->
    [0] There was nothing to export; { $file } has the header only.
    [one] { $rows } row is in { $file }.
   *[other] { $rows } rows are in { $file }.
}
