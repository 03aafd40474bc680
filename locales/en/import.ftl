# Files of people.
import-missing = An import must say where these people come from and what proves that they agreed. Missing: { $flags }. Add what is missing and repeat.
import-date = “{ $date }” in --date is not a date; write 2026-12-31 or 31.12.2026.
import-date-future = The date { $date } in --date has not come yet. Give the day on which these people agreed.
import-encoding-unknown = There is no encoding “{ $encoding }”. Use utf-8, utf-16le, utf-16be, windows-1251, koi8-r or another name that browsers know.
import-empty = { $file } is empty. Check that the export went through.
import-no-rows = { $file } has a header and no rows below it; nothing was imported. Check that the export went through.
import-binary = { $file } is not a text file. If it is a spreadsheet, save it as CSV first.
import-line-endless = Line { $line } of { $file } does not end within 1 MiB: the file is no table, or a quotation mark is opened there and never closed. Mend that line and repeat; nothing was imported.
import-header-encoding = The header of { $file } cannot be read as { $encoding }. Name the right encoding with --encoding, such as --encoding windows-1251.
import-columns = The header has { $count } columns; at most { $limit } are read. Is it the header, and is the delimiter a comma, a semicolon or a tab?
import-column-unnamed = Column { $number } has no name. Name it in the header of the file, or remove the column.
import-column-twice = Two columns are named “{ $column }”. Rename one of them in the header of the file.
import-field-twice = The columns “{ $first }” and “{ $second }” would fill the same field. Leave one out: --map 'COLUMN=-'
import-no-address = No column of the file looks like an e-mail address. There are: { $known }. Name it: --map 'COLUMN=email'
import-map-shape = “{ $given }” in --map is not of the form COLUMN=FIELD.
import-map-column = The file has no column “{ $column }”, which --map names. There are: { $known }.
import-map-field = There is no field “{ $field }”, which --map names. Declare it: sendoff field add { $field } text
import-undeclared = These columns are no declared fields: { $columns }. Nothing was imported. Declare what you need and nothing else:
    { $commands }
    or leave a column out: --map { $column }
import-rejects-same = { $file } is the file to be imported; the rejects need another one.
import-contention = Another process keeps changing the same people. What was imported so far is safe; run the import again later.
import-stopped = The import was stopped. What was imported so far is safe; run it again to finish.
import-reading = Reading
import-merging = Importing
import-done = { $file } was imported onto “{ $list }” (read as { $encoding }, { $delimiter }).
import-rehearsed = { $file } onto “{ $list }”: a rehearsal, nothing was written (read as { $encoding }, { $delimiter }).
import-columns-read = Columns: { $columns }
import-comma = comma
import-semicolon = semicolon
import-tab = tab
import-new = new
import-updated = updated
import-unchanged = unchanged
import-duplicates = repeated in the file
import-tombstoned = left before, stay away
import-invalid = invalid
import-rejects-written = The rows that were not taken, with line and reason: { $file }
import-rejects-hint = To see the rows that were not taken, repeat with --rejects FILE
invalid-too-many-cells = more cells than the header has columns
invalid-cell-long = a cell is longer than 64 KiB
invalid-quote-open = a quotation mark is opened and never closed
invalid-encoding = bytes that do not belong to the encoding of the file
invalid-nul = a NUL byte
invalid-duplicate = the address stands in line { $line } already
