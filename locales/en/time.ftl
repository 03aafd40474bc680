# Time: when campaigns start, hold, end, and come again.
campaign-scheduled = “{ $name }” starts at { $said }, that is { $time }. This moment is kept: should the rules of the time zone change, set the time again. A running `sendoff serve` or `sendoff mail` sends it.
campaign-scheduled-local = “{ $name }” reaches everyone when their own clock shows { $local }, by the field “{ $field }”, or by { $zone } where that says nothing. The audience is frozen at { $time }, when the first clock on earth shows it; letters then wait for their hour.
time-gap = The clocks in { $zone } jump forward and { $asked } does not exist that day: { $meant } is meant.
time-fold = The clocks in { $zone } are set back and { $asked } happens twice that day: the first time is meant, { $meant }.
campaign-hold = “{ $text }” is no time to hold. Write whole seconds up to { $most }: hold = 30
campaign-until-past = The latest time of “{ $name }” is { $until }, and that has passed. Give a later one: --until "2026-12-01 12:00"
campaign-late = The latest time of “{ $name }” has passed. Say until when it may still be sent: sendoff campaign resume { $name } --until "2026-12-01 12:00", or --until never. To give up the rest: sendoff campaign recall { $name }
paused-late = The latest time, { $until }, passed with { $count ->
    [one] { $count } letter
   *[other] { $count } letters
} unsent. Send them after all: sendoff campaign resume { $name } --until "2026-12-01 12:00", or --until never. Give them up: sendoff campaign recall { $name }
recalled = recalled: what had not left was taken back
campaign-recalled = “{ $name }”: of { $planned } letters { $accepted } were accepted before, { $recalled } are recalled, { $uncertain } uncertain, { $sending } on the wire at this moment and beyond recall.
show-starts = starts at { $at } ({ $utc })
show-until = nothing leaves from { $at } on
show-held = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
} until the first letter leaves. Take everything back: sendoff campaign recall { $name }
setting-hold = seconds between “start” and the first letter, in which all can be recalled
schedule-clash = “{ $one }” and “{ $other }” cannot stand in one file. Keep the one you mean.
schedule-alone = “{ $one }” needs “{ $other }” beside it. Add it, or take “{ $one }” out.
preflight-zone-field = The field “{ $field }” of zone-field is not declared. Declare it: sendoff field add { $field } text
preflight-zone-missing = { $count ->
    [one] { $count } person has
   *[other] { $count } people have
} no value for “{ $field }” and will be written to by the time zone of the campaign.
preflight-zone-unknown = “{ $field }” names no time zone for { $count ->
    [one] { $count } person
   *[other] { $count } people
}; they will be written to by the time zone of the campaign.
preflight-zone-past = The hour has passed already where { $count ->
    [one] { $count } person lives: their letter leaves
   *[other] { $count } people live: their letters leave
} at once.
preflight-zone-late = The hour comes only after the latest time (until) where { $count ->
    [one] { $count } person lives: their letter stays
   *[other] { $count } people live: their letters stay
} unsent.
series-every = “{ $text }” is no rhythm. Write every = "day", "week" or "month".
series-on = on = { $on } does not go with every = "{ $every }". Write on = "monday" for a week, on = 31 for a month, and nothing for a day.
series-time = “{ $text }” is no time of day. A series wants { $key } = "09:00".
series-clock = The clock of this machine stands outside all calendars. Set it right.
series-start = “{ $name }” comes again and again and has no single start. Let it begin: sendoff campaign schedule { $name }
series-begun = “{ $name }” becomes a campaign of its own at each slot, made from this draft as it is then. The first: { $next }. A running `sendoff serve` or `sendoff mail` sends it.
series-unknown = “{ $name }” is not the draft of a series. See which there are: sendoff campaign series ls
series-draft-gone = The draft of this series is no longer there. Add its file again under another name and schedule it.
series-no-recurrence = The draft “{ $name }” no longer says every = "…". Add the file with it, then: sendoff campaign series resume { $name }
series-name-taken = There is a campaign “{ $name }” that no series made, so the slot could not get its name. Add the file again under another name and schedule it.
series-missed = The slot of { $day } was missed. Send it now: sendoff campaign series resume { $name } --send-missed. Leave it out: sendoff campaign series resume { $name }
series-next = next at { $next }
series-asking = asks
series-stopped = stopped
series-none = No series yet. Write every = "week", on = "monday", at = "09:00" in a campaign file, add it, and schedule it.
