# Indexes of fields and estimated counts.

field-unknown = There is no field “{ $name }”. There are: { $known }. Declare one: sendoff field add NAME TYPE
    .desk = There is no field “{ $name }”. There are: { $known }.
field-index-full = “{ $name }” cannot be indexed: at most eight text, choice and date fields and eight number and flag fields can have an index, and all are in use. Drop one: sendoff field unindex NAME
field-indexing = Indexing
field-indexed = “{ $name }” is indexed; segments that use it are fast now.
field-unindexed = The index of “{ $name }” is dropped within two hours, unless a segment needs it.
field-renaming = Renaming
field-renamed =
    “{ $before }” is “{ $name }” now, with all its values.
    Segments that were rewritten: { $segments }
    Campaigns that were rewritten: { $campaigns }
field-rename-same = The field is called “{ $name }” already. Give it another name.
field-name-taken = There is a field “{ $name }” already. Choose another name.
field-rename-by-hand = These campaigns name “{ $name }” in a way that cannot be rewritten: { $campaigns }. Nothing was changed. Take the field out of them (sendoff campaign edit NAME), repeat, and then write “{ $new }” there.
field-used-sending = These campaigns use “{ $name }” and are being sent: { $campaigns }. Nothing was changed. Wait until they have ended, or cancel them, and repeat.
field-label = The label in { $lang } is too long, or has a line break or an invisible mark. Write at most { $limit } characters on one line.
field-label-nothing = No label was given. Write one, such as: sendoff field label { $name } --en "First name"
field-labelled = { $count ->
    [0] “{ $name }” has no label of its own now.
   *[other] The pages of recipients call “{ $name }”: { $labels }
}
field-removing = Erasing values
field-removed = { $count ->
    [0] The field “{ $name }” is removed. Nobody had a value.
    [one] The field “{ $name }” is removed, and the value of { $count } person is erased.
   *[other] The field “{ $name }” is removed, and the values of { $count } people are erased.
}
field-users =
    Segments that use it: { $segments }
    Campaigns that use it and were not sent yet: { $campaigns }
    Sent campaigns that used it: { $ended }
    Index: { $indexed ->
        [yes] yes
       *[no] none
    }
field-remove-people = { $count ->
    [0] Nobody has a value in “{ $name }”.
    [one] { $count } person has a value in “{ $name }”; it is erased for good.
   *[other] { $count } people have a value in “{ $name }”; all are erased for good.
}
field-remove-ask =
    { field-remove-people }
    { field-users }
    Segments and campaigns that use the field cannot be used any more, and sent emails that print it without a fallback cannot be shown in the browser.
    Type the number of people to remove the field:
field-remove-number =
    { field-remove-people }
    { field-users }
    Nothing was changed. To confirm, repeat with --people { $count }
field-remove-other-number =
    { field-remove-people }
    { field-users }
    That is not the number that was given, and nothing was changed. Repeat with --people { $count } if these values shall be erased.
field-remove-used =
    { field-remove-people }
    { field-users }
    Nothing was changed. Take the field out of these segments and campaigns first; or give --yes as well, and they cannot be used any more.
segment-estimate = ≈ { $count } (estimate)
