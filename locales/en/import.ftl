# Import of CSV files.
import-missing = Missing: { $flags }. People are added to a list only with the source of their data, the legal basis (consent, contract or interest), its proof and its day. Nothing was done. Repeat with all of them: --list News --source "checkout form" --basis consent --proof "export, file 17" --date 2026-10-31
    .desk = People are added to a list only with the source of their data, the legal basis, its proof and its day. Fill in all of them. Nothing was done.
import-date = “{ $date }” in --date is not a date; write 2026-12-31 or 31.12.2026.
    .desk = “{ $date }” is not a date; write 2026-12-31 or 31.12.2026.
import-date-future = The date { $date } in --date is in the future. Give the day of the consent.
    .desk = The date { $date } is in the future. Give the day of the consent.
import-encoding-unknown = Unknown encoding “{ $encoding }”. Use utf-8, utf-16le, windows-1251, windows-1252, koi8-r, macintosh, cp850, shift_jis, gbk or another label of the WHATWG Encoding Standard.
import-empty = { $file } is empty. Check that the export succeeded.
import-no-rows = { $file } has a header and no rows below it; nothing was imported. Check that the export succeeded.
import-binary = { $file } is not a text file. If it is a spreadsheet, save it as CSV first.
import-line-endless = Line { $line } of { $file } does not end within { $limit } bytes: the file is not a table, or a quotation mark in this line is never closed. Correct the line and repeat; nothing was imported.
import-header-encoding = The header of { $file } cannot be read as { $encoding }. Give the right encoding with --encoding, for example --encoding windows-1251.
import-columns = The header has { $count } columns; at most { $limit } are allowed. Check that the first line is the header and that the delimiter is a comma, a semicolon, a tab or a vertical bar.
import-column-twice = Columns { $first } and { $second } are both named “{ $column }” and hold different values. Leave one of them out by its number: --map '#{ $second }=-'
import-field-twice = The columns “{ $first }” and “{ $second }” would fill the same field. Leave one of them out: --map { $map }
import-field-gone = The field “{ $name }” was renamed or removed while the file was imported. What was imported so far stays. Import the file again.
import-no-address = No column of the file has a known name for e-mail addresses. The columns are: { $known }. Name it: --map { $map }. If the first line is a person, the file has no header: repeat with --no-header.
    .desk = No column of the file has a known name for e-mail addresses. The columns are: { $known }. Choose below which one it is. If the first line is a person, say so below.
import-map-shape = “{ $given }” in --map is not of the form COLUMN=FIELD. Write for example: --map 'Town=city'
import-map-column = The file has no column “{ $column }”, which --map names. The columns are: { $known }. Name one of them, or a column by its number: --map '#2=city'
import-map-field = There is no field “{ $field }”, which --map names. Declare it: sendoff field add { $field } text
import-undeclared = These columns are not declared as fields: { $columns }. Nothing was imported. Declare only the fields you need:
    { $commands }
    or leave a column out: --map { $column }, or all of them: --map { $others }
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
import-rejects-written = Rows that were not imported or lost a value, with line and reason: { $file }. Mend them there and import that file.
import-rejects-hint = To get these rows in a file with line and reason, repeat with --rejects FILE
invalid-too-many-cells = more cells than the header has columns
invalid-cell-long = a cell is longer than { $limit } bytes
invalid-quote-open = an unclosed quotation mark
invalid-encoding = bytes that are invalid in the encoding of the file
invalid-nul = a NUL byte
invalid-duplicate = the address is already in line { $line }
import-separator = The first line of the file says that its cells are separated by “{ $separator }”, which is not read. Save the file with a comma, a semicolon, a tab or a vertical bar between the cells.
import-map-others = “{ $given }” in --map: all other columns can only be left out. Write --map '*=-'
import-no-header = Line { $line } of { $file } is a person already: the file has no header with the names of its columns. Add one, or name the columns by their numbers (there are { $columns }), for example: { $command }
import-dates-unclear = The dates in the column “{ $column }” can be read in two ways: { $values }. No value of the column tells which of day and month comes first. Nothing was imported. Repeat with { $first } or { $second }
import-numbers-unclear = The numbers in the column “{ $column }” can be read in two ways: { $values }. No value of the column tells whether the comma or the point separates the decimals. Nothing was imported. Repeat with { $first } or { $second }
import-dates-numbers = The column “{ $column }” is a date and holds numbers: { $values }. They may be days as Excel counts them (45000 is March 15, 2023). Nothing was imported. If they are, repeat with { $first }; if not, leave the column out: --map { $map }
import-years-unclear = The dates in the column “{ $column }” have years of two digits: { $values }. Nothing was imported. Repeat with { $first } if they lie in { $past }, such as birthdays, with { $second } if they lie in { $around }, or with the first of another hundred years.
import-dates-two = --dates names two orders of day and month. Give one of them; excel may stand beside it.
import-years-wrong = --years is the first of a hundred years, in four digits between 1850 and 2100: --years 1930 reads 30 as 1930 and 29 as 2029.
    .desk = Years of two digits begin at a year of four digits between 1850 and 2100: 1930 reads 30 as 1930 and 29 as 2029.
import-statuses = { $file } says that not everyone in it may be mailed:
    { $words }
    Nothing was imported. Choose:
      --follow-status   import the { $mailable } who may be mailed, keep out the { $left } who left or are blocked and the { $bounced } without a mailbox, and leave out the other { $unknown }
      --suppress        import nobody; keep out everyone whom the file does not call mailable
      --ignore-status   import everyone, whatever the file says
import-file-of-left = By its name, { $file } holds people who must not be mailed ({ $meaning }). Nothing was imported. Repeat with --suppress to keep them out, or with --ignore-status if the name is wrong.
import-standing-mailable = may be mailed
import-standing-unknown = not known as mailable: not mailed
import-standing-left = left elsewhere: kept out of the list
import-standing-blocked = blocked elsewhere: kept out of every list
import-standing-bounced = mailbox does not exist: suppressed
import-titles = The lines above the header in line { $line } were left out.
import-doubled = Left out, since an earlier column has the same name and values: { $columns }
import-format = Column “{ $column }” was read as { $format }, which its values prove or you have named.
import-person = Line { $line }: { $email } { $fields }
import-pipe = vertical bar
import-suppressed = kept out, as the file says that they left, are blocked or have no mailbox
import-not-mailed = not imported, as their status does not say that they may be mailed
import-incomplete = imported or known, but a value was left out
import-first-line = (first in line { $line })
import-mostly-wrong = Most rows were rejected or lost a value. Check encoding, columns and formats; the exit code is 1.
import-suppression-done = { $file }: these people are kept out { $where }.
import-suppression-rehearsed = { $file }: dry run, nothing was written. These people would be kept out { $where }.
import-off-list = of “{ $list }”
import-off-every-list = of every list
import-suppressed-contacts = of them were contacts, and were unsubscribed or erased
import-suppressed-mailable = may be mailed, as the file says; nothing was done with them
invalid-status = the status does not say that the person may be mailed
invalid-too-young = the person is younger than the privacy policy allows
invalid-left-out = imported without a value: { $reasons }
import-encoding-unclear = The encoding of { $file } is not certain: few letters tell it. Nothing was imported. Choose the reading whose letters are right. With --encoding { $first }:
    { $first_rows }
    With --encoding { $second }:
    { $second_rows }
    If neither is right, name another encoding.
import-undo-ask = The import brought people to “{ $list }” to whom nothing has happened since. Type their number to remove them: { $count }
import-undo-hint = To undo it within a day: sendoff import undo { $id }
import-undo-number = The undo removes { $count } people. Type this number.
import-undo-progress = Removing
import-undo-unknown = There is no such import here to undo. An import can be undone for a day, if it brought new people.
import-undone = The import was undone: { $count ->
    [one] { $count } person was removed.
   *[other] { $count } people were removed.
 }
