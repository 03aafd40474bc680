# Import of CSV files.
import-missing = An import needs the source of the contacts and the proof of their consent. Missing: { $flags }. Add it and repeat.
import-date = “{ $date }” in --date is not a date; write 2026-12-31 or 31.12.2026.
import-date-future = The date { $date } in --date is in the future. Give the day of the consent.
import-encoding-unknown = Unknown encoding “{ $encoding }”. Use utf-8, utf-16le, utf-16be, windows-1251, koi8-r or another label of the WHATWG Encoding Standard.
import-empty = { $file } is empty. Check that the export succeeded.
import-no-rows = { $file } has a header and no rows below it; nothing was imported. Check that the export succeeded.
import-binary = { $file } is not a text file. If it is a spreadsheet, save it as CSV first.
import-line-endless = Line { $line } of { $file } does not end within 1 MiB: the file is not a table, or a quotation mark in this line is never closed. Correct the line and repeat; nothing was imported.
import-header-encoding = The header of { $file } cannot be read as { $encoding }. Give the right encoding with --encoding, for example --encoding windows-1251.
import-columns = The header has { $count } columns; at most { $limit } are allowed. Check that the first line is the header and that the delimiter is a comma, a semicolon or a tab.
import-column-unnamed = Column { $number } has no name. Name it in the header of the file, or remove the column.
import-column-twice = Two columns are named “{ $column }”. Rename one of them in the header of the file.
import-field-twice = The columns “{ $first }” and “{ $second }” would fill the same field. Ignore one of them: --map 'COLUMN=-'
import-no-address = No column of the file has a known name for e-mail addresses. The columns are: { $known }. Choose one: --map 'COLUMN=email'
import-map-shape = “{ $given }” in --map is not of the form COLUMN=FIELD.
import-map-column = The file has no column “{ $column }”, which --map names. The columns are: { $known }.
import-map-field = There is no field “{ $field }”, which --map names. Declare it: sendoff field add { $field } text
import-undeclared = These columns are not declared as fields: { $columns }. Nothing was imported. Declare only the fields you need:
    { $commands }
    or ignore a column: --map { $column }
import-rejects-same = { $file } is the file to be imported; choose another file for --rejects.
import-contention = Another process keeps changing the same contacts. Rows imported so far are kept; run the import again later.
import-stopped = The import was stopped. Rows imported so far are kept; run it again to finish.
import-reading = Reading
import-merging = Importing
import-done = { $file } was imported onto “{ $list }” (read as { $encoding }, { $delimiter }).
import-rehearsed = { $file } onto “{ $list }”: dry run, nothing was written (read as { $encoding }, { $delimiter }).
import-columns-read = Columns: { $columns }
import-comma = comma
import-semicolon = semicolon
import-tab = tab
import-new = new
import-updated = updated
import-unchanged = unchanged
import-duplicates = repeated in the file
import-tombstoned = unsubscribed before, not imported
import-invalid = invalid
import-rejects-written = Rejected rows with line and reason: { $file }
import-rejects-hint = To see the rejected rows, repeat with --rejects FILE
invalid-too-many-cells = more cells than the header has columns
invalid-cell-long = a cell is longer than 64 KiB
invalid-quote-open = an unclosed quotation mark
invalid-encoding = bytes that are invalid in the encoding of the file
invalid-nul = a NUL byte
invalid-duplicate = the address is already in line { $line }
