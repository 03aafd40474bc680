# Fields, lists, contacts.
field-name = “{ $name }” cannot be a field name. Use letters, digits and underscores, beginning with a letter, { $limit } bytes at most.
field-reserved = “{ $name }” is reserved. Choose another field name.
field-choices = A choice needs its values, and other types have none: sendoff field add { $name } choice:one,two
    .desk = A choice needs its values, and other types have none.
field-twin = “{ $name }” differs from the field “{ $twin }” only in upper and lower case. Use that one, or choose another name.
field-exists = The field “{ $name }” is already declared with another type. Choose another name.
list-name = A list needs a name of 1 to { $limit } visible characters. Write for example: sendoff list add News
    .desk = A list needs a name of 1 to { $limit } visible characters.
list-closed = The list “{ $name }” is closed. Choose another list, or make a new one: sendoff list add NAME
    .desk = The list “{ $name }” is closed. Choose another list, or add a new one.
list-unknown = There is no list “{ $name }”. There are: { $known }. Make one: sendoff list add NAME
    .desk = There is no list “{ $name }”. There are: { $known }.
contact-exists = { $address } already belongs to another contact. Nothing was changed. Look at it: sendoff contact show ADDRESS
    .desk = { $address } already belongs to another person. Nothing was changed.
contact-unknown = There is no contact { $address } in this workspace. Look for it: sendoff contact find TEXT
row-broken = Row { $id } of table { $table } has an invalid value in { $column }. Nothing was changed.
invalid-address-empty = no address
invalid-address-control = the address has a control character or an invisible mark
invalid-address-around = a name, brackets or quotes around the address
invalid-address-shape = the address has no @, or two
invalid-address-local = the part before @ is not allowed
invalid-address-domain = the part after @ is not a domain name
invalid-value-long = the text is longer than { $limit } bytes
invalid-value-number = not a number
invalid-value-date = not a date; write 2026-12-31, 31.12.2026 or 31 December 2026
invalid-value-flag = not yes or no
invalid-value-choice = not one of the declared values
invalid-value-number-unclear = a number that can be read in two ways; write 1200 or 1.2
list-name-taken = There is a list “{ $name }” already. Choose another name.
list-renamed = “{ $before }” is “{ $name }” now{ $segments ->
    [0] { "" }.
    [one] , also in one segment.
   *[other] , also in { $segments } segments.
}
segment-removed = The segment “{ $name }” was removed.
segment-remove-used = The segment “{ $name }” is the audience of these campaigns: { $campaigns }. Cancel them, or give them another segment, and repeat.
contact-none = No contact was found.
contact-more = There are more: repeat with --after { $id }
contact-find-blank = Give a part of the address or of a field to find.
contact-added = { $address } was added to “{ $list }”.
contact-joined = { $address } was known already and is on “{ $list }” now.
contact-add-erased = This address has left “{ $list }” or was erased, and stays blocked. Only its owner can lift that: sendoff subscription invite ADDRESS
    .desk = This address has left “{ $list }” or was erased, and stays blocked. Only its owner can lift that.
contact-add-known = This address is on “{ $list }” already. See: sendoff contact show ADDRESS
    .desk = This address is on “{ $list }” already.
