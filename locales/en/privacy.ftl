# People's rights, erasure, residue, lists.
list-added = The list “{ $name }” is there. Put people on it: sendoff import FILE --list "{ $name }" …
list-bar = Letting people go
list-ceased = { $count ->
    [0] The list “{ $name }” is closed. Nobody was on it.
    [one] The list “{ $name }” is closed. { $count } person left it and is kept out.
   *[other] The list “{ $name }” is closed. { $count } people left it and are kept out.
}
list-line = { $name }: { $confirmed } confirmed, { $pending } not yet, { $restricted } restricted
list-line-closed = { $name }: closed
list-none = There are no lists yet. Make one: sendoff list add NAME
contact-held = This is everything that is held:
contact-correct-nothing = Say what to correct: --set FIELD=VALUE, or --address NEW.
contact-correct-pair = “{ $pair }” is not FIELD=VALUE.
contact-correct-field = There is no field “{ $name }”. There are: { $known }. Declare it: sendoff field add { $name } TYPE
contact-correct-address = The address is corrected with --address instead of --set email=…
contact-correct-value = { $name }: { $why }. Nothing was changed.
contact-corrected = Corrected: { $address }.
contact-erased-before = { $address } was erased before and comes back only when its owner subscribes again. Nothing was changed.
contact-restricted = { $address } is restricted: kept, and used for no letter, segment or export. End it: sendoff contact restrict ADDRESS --lift
contact-unrestricted = { $address } is no longer restricted. Tell the person before you write to them again.
contact-erased = { $address } is erased: { $subscriptions ->
    [one] { $subscriptions } subscription
   *[other] { $subscriptions } subscriptions
}, { $consents ->
    [one] { $consents } consent
   *[other] { $consents } consents
}, { $deliveries ->
    [one] { $deliveries } delivery
   *[other] { $deliveries } deliveries
}, { $events ->
    [one] { $events } event
   *[other] { $events } events
}. A keyed digest stays, so that no import brings the address back; the numbers of past campaigns stay too. Check: sendoff residue ADDRESS
contact-erased-nobody = { $address } is not here. It is kept out from now on all the same.
scrub-incomplete = Old journals of the database may still hold bytes of erased people: the role may not drop them, or they are kept for an archive, a replica or a long transaction. docs/privacy.md says what to allow; repeat the command then.
residue-address = This cannot be an address: { $why }. Nothing was done.
residue-bar = Looking
residue-none = Nothing is left of { $address }: not in a table, not in the database's files and journals, not in the data folder.
residue-some = { $hits ->
    [one] { $address } was found { $hits } time:
   *[other] { $address } was found { $hits } times:
}
residue-next = To erase this person: sendoff contact erase ADDRESS. What lies in other files of the data folder is yours to remove.
residue-unreachable = Not looked into, it cannot be read from here: { $place }
