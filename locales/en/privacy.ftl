# Lists, rights of data subjects, erasure, trace search.
list-added = The list “{ $name }” is added. Import contacts: sendoff import FILE --list "{ $name }" …
list-close-progress = Unsubscribing contacts
list-close-done = { $count ->
    [0] The list “{ $name }” is closed. It had no subscribers.
    [one] The list “{ $name }” is closed. { $count } contact was unsubscribed; imports cannot add it again.
   *[other] The list “{ $name }” is closed. { $count } contacts were unsubscribed; imports cannot add them again.
}
list-line = { $name }: { $confirmed } confirmed, { $pending } pending, { $bounced } bounced, { $restricted } restricted
list-line-closed = { $name }: closed
list-none = There are no lists yet. Add one: sendoff list add NAME
contact-stored = This is all the data held:
contact-correct-nothing = Say what to correct: --set FIELD=VALUE, or --address NEW.
contact-correct-pair = “{ $pair }” is not FIELD=VALUE. Write for example: --set city=Rome
contact-correct-field = There is no field “{ $name }”. There are: { $known }. Declare it: sendoff field add { $name } TYPE
contact-correct-address = The address is corrected with --address instead of --set email=…
contact-correct-value = { $name }: { $why }. Nothing was changed.
contact-corrected = Corrected: { $address }.
contact-erased-before = { $address } was erased and can return only by a subscription of its owner. Nothing was changed.
contact-restricted = { $address } is restricted: the data is kept and used for no message, segment or export. Lift it: sendoff contact restrict ADDRESS --lift
contact-unrestricted = { $address } is no longer restricted. Inform the person before you send to them again.
contact-unsuppressed = Messages are sent to { $address } again.
contact-not-suppressed = { $address } is not suppressed; nothing was changed. See what is stored: sendoff contact show ADDRESS
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
}. A keyed digest stays, so that no import adds the address again; the counts of past campaigns stay too. Check: sendoff trace search ADDRESS
contact-erased-unsearchable = These files cannot be searched and may still name the contact; look into them or delete them: { $files }
contact-erased-nobody = { $address } is not a contact here. The address is blocked from now on all the same.
scrub-incomplete = Old WAL files of the database, or files that belong to no table, may still hold bytes of erased contacts: the role may not remove them, an archive, a replica or a long transaction keeps them, or the server died while it rewrote a table (the log names the files). docs/privacy.md lists the rights it needs; then repeat the command.
scrub-in-background = A running “sendoff serve” now removes their bytes from the files and the write-ahead log of the database, usually within ten seconds.
scrub-scheduled = The rows are deleted. A running “sendoff serve” removes their bytes from the files of the database by { $time } at the latest (setting erasure-hours); with --now the command does it before it ends.
scrub-unfinished = Bytes of them may still be in the files or the write-ahead log of the database. “sendoff serve”, the next erasure or “sendoff trace search ADDRESS --clean” goes on from here.
trace-address = This is not an address: { $why }. Write it as name@example.org; nothing was searched.
trace-progress = Searching
trace-none = No trace of { $address }: not in a table, not in the files and journals of the database, not in the data folder.
trace-some = { $hits ->
    [one] { $address } was found { $hits } time:
   *[other] { $address } was found { $hits } times:
}
trace-next = To erase this contact: sendoff contact erase ADDRESS. Remove matches in other files of the data folder yourself.
trace-unreachable = Not searched, because it cannot be read from here: { $place }
trace-pending = Bytes of contacts that were erased are still being removed. Remove them now and search again: sendoff trace search ADDRESS --clean
trace-again = After their removal:
list-close-ask = This erases { $count } people of “{ $name }” for good. Type their number to close the list:
list-close-number = Closing “{ $name }” erases its { $count } people for good. Nothing was changed. To confirm, repeat with --people { $count }
list-close-other-number = “{ $name }” has { $count } people, not the number that was given. Nothing was changed. Look at “sendoff list ls”, and repeat with --people { $count } if they shall be erased.
invitation-not-erased = No erasure keeps this address off “{ $list }”, so nobody has to be invited back. Import the contact with its consent, or look at it: sendoff contact show ADDRESS
invitation-subject = Do you want { $list } again?
invitation-text = You were removed from “{ $list }” of { $sender } by mistake, and your data were erased.

    If you want to get these emails again, open this page and press the button:

    { $url }

    If you do not, there is nothing to do: you get no further email. The link is valid for { $days } days.
subscription-invited = An invitation to “{ $list }” was sent to { $address }. The address stays blocked until its owner presses the button behind the link, which is valid until { $until }.
contact-copied = The copy is in { $folder }: { $files }. Hand it to that person alone, then delete it.
contact-copy-occupied = { $folder } holds files already. Name an empty or a new folder.

log-line-damaged = { $file }, line { $line }: the line is damaged
log-line-changed = { $file }, line { $line }: the line was changed after it was written
log-line-missing = { $file }, line { $line }: the line does not follow the one before; lines were removed, put in or moved
log-end-missing = lines are missing at the end: the newest is number { $newest }, it should be number { $expected }
log-head-missing = { $file } is missing or was not written by this installation, so it cannot be checked that no lines are missing at the end
trace-backup-none = { $file }: nothing found.
trace-backup-some = { $file }: found { $hits } times. A restore of this backup erases who left since; delete it to lose the bytes too.
trace-backup-unopened = { $file } was not opened: name it with --backup, and its private key with --identity.
