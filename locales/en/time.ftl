# Time: start, hold, latest time and recurrence of campaigns.
campaign-scheduled = “{ $name }” starts at { $said }, that is { $time }. This point in time is stored: if the rules of the time zone change, set the time again. A running `sendoff serve` or `sendoff mail` sends it.
campaign-scheduled-local = “{ $name }” is sent at { $local } in each recipient's own time zone, by the field “{ $field }”, or in { $zone } where the field is empty. The audience is frozen at { $time }, when the first time zone on earth reaches that time; each message then waits for its time.
time-gap = The clocks in { $zone } jump forward and { $asked } does not exist that day: { $meant } is used.
time-fold = The clocks in { $zone } are set back and { $asked } happens twice that day: the first one is used, { $meant }.
campaign-hold = hold: “{ $text }” is not a hold. Write whole seconds up to { $most }: hold = 30
campaign-until-past = The latest time of “{ $name }” is { $until } and has passed. Set a later one: --until "2026-12-01 12:00"
campaign-late = The latest time of “{ $name }” has passed. Set until when it may be sent: sendoff campaign resume { $name } --until "2026-12-01 12:00", or --until never. To skip the rest: sendoff campaign recall { $name }
campaign-start-passed = The start of “{ $name }” has passed while it was paused. Start it now: sendoff campaign start { $name }. Or set another time: sendoff campaign schedule { $name } --at "2026-12-01 12:00". Or make it a draft: sendoff campaign unschedule { $name }
paused-late = The latest time, { $until }, passed with { $count ->
    [one] { $count } message
   *[other] { $count } messages
} unsent. Send them anyway: sendoff campaign resume { $name } --until "2026-12-01 12:00", or --until never. Skip them: sendoff campaign recall { $name }
recalled = recalled: unsent messages were skipped
campaign-recalled = “{ $name }”: of { $planned } messages { $accepted } were accepted before, { $recalled } are recalled, { $uncertain } are uncertain, { $sending } are on the wire and cannot be recalled.
show-starts = starts at { $at } ({ $utc })
show-until = no message is sent from { $at } on
show-held = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
} until the first message is sent. Recall all: sendoff campaign recall { $name }
setting-hold = seconds between “start” and the first message, in which everything can be recalled, { $least } to { $most }
schedule-clash = “{ $one }” and “{ $other }” exclude each other. Keep one.
schedule-alone = “{ $one }” needs “{ $other }”. Add it, or remove “{ $one }”.
preflight-zone-field = The field “{ $field }” of zone-field is not declared. Declare it: sendoff field add { $field } text
preflight-zone-missing = { $count ->
    [one] { $count } contact has
   *[other] { $count } contacts have
} no value for “{ $field }”; the time zone of the campaign is used.
preflight-zone-unknown = “{ $field }” is not a time zone for { $count ->
    [one] { $count } contact
   *[other] { $count } contacts
}; the time zone of the campaign is used.
preflight-zone-past = The time has already passed in the time zone of { $count ->
    [one] { $count } contact: the message is
   *[other] { $count } contacts: their messages are
} sent at once.
preflight-zone-late = The time is after the latest time (until) in the time zone of { $count ->
    [one] { $count } contact: the message is
   *[other] { $count } contacts: their messages are
} not sent.
series-every = every: “{ $text }” is not a recurrence. Write every = "day", "week" or "month".
series-on = on = { $on } does not go with every = "{ $every }". Write on = "monday" for a week, on = 31 for a month, and nothing for a day.
series-time = “{ $text }” is not a time of day. A series needs { $key } = "09:00".
series-clock = The clock of this machine shows a time outside the years 1 to 9999. Set the clock, then start the series again: sendoff campaign series resume NAME
series-start = “{ $name }” is a series and cannot be started once. Schedule it: sendoff campaign schedule { $name }
series-begun = At each occurrence of “{ $name }” a campaign is created from this draft as it is then. The first: { $next }. A running `sendoff serve` or `sendoff mail` sends it.
series-unknown = “{ $name }” is not the draft of a series. List the series: sendoff campaign series ls
series-draft-gone = The draft of this series does not exist any more. Add its file again under another name and schedule it.
series-no-recurrence = The draft “{ $name }” no longer has every = "…". Add the file with it, then: sendoff campaign series resume { $name }
series-name-taken = A campaign “{ $name }” that does not belong to the series exists, so the occurrence cannot get its name. Add the file again under another name and schedule it.
series-missed = The occurrence of { $day } was missed. Send it now: sendoff campaign series resume { $name } --send-missed. Skip it: sendoff campaign series resume { $name }
series-next = next at { $next }
series-asking = waits for a decision
series-stopped = stopped
series-none = No series yet. Write every = "week", on = "monday", at = "09:00" in a campaign file, add it, and schedule it.
show-starts-local = is sent at { $local } in each recipient's own time zone; the first one reaches it at { $utc }
