# Lanes and limits.
lane-name = “{ $name }” cannot be a name here. Use letters, digits, dots and hyphens, { $most } characters at most.
lane-domain = “{ $domain }” is no domain. Write domains separated by commas, such as example.org or example.* for any ending.
lane-domains-fixed = The lane “{ $name }” has no domains of its own. Give them to a lane with another name.
lane-unknown = There is no lane “{ $name }”. To make one, name its domains: sendoff lane set { $name } --domains example.org
lane-not-set = Nothing was set for a lane “{ $name }”. See the lanes with: sendoff lane ls
lane-at-ease = The lane “{ $name }” is neither paused nor slowed. See the lanes with: sendoff lane ls
lane-removed = What was set for the lane “{ $name }” is taken back.
lane-resumed = The lane “{ $name }” goes on. Its letters leave within seconds, those that were refused at their next try.
lane-moved = { $count ->
    [one] { $count } letter that waits has moved to another lane.
   *[other] { $count } letters that wait have moved to another lane.
}
lane-all = every letter of the workspace
lane-rest = all other domains
lane-slowed = told to go slower: { $pace } letters a second now, faster again step by step
lane-paused = Paused: { $count } replies of a day ({ $reply }) say that something about our sending is not in order. { $why } No recipient is affected; their letters wait. When it is mended: sendoff lane resume { $lane }
lane-spent = this day's letters are used up, on from { $time }
lane-waiting = { $lane }: { $count } waiting
cap-rate = { $rate } letters a second
cap-today = today { $sent } of { $quota } letters
cap-warm-up = warming up from { $start } letters, × { $growth } each day of sending
cap-connections = { $connections ->
    [one] { $connections } letter at a time
   *[other] { $connections } letters at a time
}
cap-daily = The letters of a day must be a number from 1 on, or none.
cap-ramp = “{ $text }” is no warm-up. Write the letters of the first day and the growth a day, at least 1: 200:1.5
cap-value = “{ $text }” is neither a number nor the word none.

# What providers hold against our settings.
policy-pointer = The provider misses a PTR record: the IP address that sends must have a name in the DNS, and that name must lead back to the address. Ask whoever gave you the address (your hosting company) to set it.
policy-spf = The provider finds no SPF record that allows this server to send for the domain. Add the address of your relay to the TXT record “v=spf1 …” of the sender's domain, at your DNS provider.
policy-tls = The provider accepts letters over encrypted connections only. Switch TLS on for outgoing mail on your relay.
policy-dkim = The provider finds no valid DKIM signature. Have your relay sign for the sender's domain and publish the key it names in the DNS of that domain.
policy-dmarc = The sender's domain has no DMARC record. Publish a TXT record at _dmarc.YOURDOMAIN, to begin with “v=DMARC1; p=none”, at your DNS provider.
policy-alignment = The domain in From is not the one that SPF or DKIM speak for. Sign with the domain of the From address, or send from an address of the domain that is signed.
policy-authentication = Microsoft wants SPF, DKIM and DMARC to pass for senders of many letters, and for the domain in From. Check all three records of the sender's domain at your DNS provider.

# What stops a campaign.
breaker-bounces = More than { $most } of the first { $first } results were addresses that do not exist. Providers take this for a bought or old list. Check where the addresses come from; what goes on after that is: sendoff campaign resume NAME

# Several relays.
relay-unknown = There is no relay “{ $name }”. There are: { $known }.
relay-word = “{ $name }” is no name for a relay: it stands for a kind. Write sendoff relay set smtp URL, relay set capture, relay set file DIR, or choose another name.
relay-for = “{ $text }” is neither an address nor a domain. Write --for news@example.org or --for example.org
relay-weight = The weight must be from 1 to { $most }.
relay-ahead = The marked letters of a connection must be from 1 to { $most }.
relay-gone = The campaign names the relay “{ $name }”, and there is none by that name. Add it with sendoff relay set { $name } …, then resume the campaign.
relay-for-others = Every relay is bound to other senders, so none may carry this campaign. Bind one to its sender with sendoff relay set NAME --for ADDRESS, or add one that is bound to nobody; then resume the campaign.
relay-removed = The relay “{ $name }” is removed. Letters go through: { $left }.
relay-spare = spare
relay-share = weight { $weight }
relay-holds = { $ahead } marked letters a connection
relay-bound = for { $senders }
