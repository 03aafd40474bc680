# Lanes and limits.
lane-name = “{ $name }” is not a valid name. Use letters, digits, dots and hyphens, { $most } characters at most.
lane-domain = “{ $domain }” is not a domain. Write domains separated by commas, such as example.org, or example.* for any top-level domain.
lane-domains-fixed = The lane “{ $name }” has no domains of its own. Give them to another lane.
lane-unknown = There is no lane “{ $name }”. To create it, name its domains: sendoff lane set { $name } --domains example.org
lane-not-set = The lane “{ $name }” has no settings. List the lanes with: sendoff lane ls
lane-not-limited = The lane “{ $name }” is neither paused nor slowed down. List the lanes with: sendoff lane ls
lane-removed = The settings of the lane “{ $name }” are removed.
lane-resumed = The lane “{ $name }” is resumed. Its messages leave within seconds, refused ones at their next attempt.
lane-moved = { $count ->
    [one] { $count } waiting message has moved to another lane.
   *[other] { $count } waiting messages have moved to another lane.
}
lane-all = all messages of the workspace
lane-rest = all other domains
lane-slowed = slowed down by the provider: { $pace } messages per second now, rising step by step
lane-paused = Paused: { $count } replies of one day ({ $reply }) report a fault in the sender's setup. { $why } No recipient is affected; their messages wait. After the fault is corrected: sendoff lane resume { $lane }
lane-refused = Paused: the servers of this lane refused { $count } messages in a row { $class ->
    [message] because of the content of the message
    [too-large] because of the size of the message
    [sender] because of the sender's setup
    [relay] because of a fault of the relay
    [mailbox] by mailboxes that exist
   *[policy] by a rule of theirs or of the relay
} (last reply { $reply }), while others accept. The rest of the lane waits, and no recipient is counted as bounced. After the cause is corrected: sendoff lane resume { $lane }; to those who were refused: sendoff campaign resume NAME --refused
lane-spent = the daily quota is used up; continues at { $time }
lane-waiting = { $lane }: { $count } waiting
limit-rate = { $rate } messages per second
limit-today = today { $sent } of { $quota } messages
limit-warm-up = warm-up from { $start } messages, × { $growth } each day of sending
limit-connections = { $connections ->
    [one] { $connections } message at a time
   *[other] { $connections } messages at a time
}
limit-daily-invalid = --daily must be a whole number of messages from 1 on, or none to remove the quota.
limit-warm-up-invalid = --warm-up: “{ $text }” is not a warm-up. Write the messages of the first day and the growth per day, at least 1: --warm-up 200:1.5, or none
limit-value-invalid = “{ $text }” is neither a number nor the word none, which removes the limit. Write for example --rate 50, --daily 10000 or --rate none

# Faults in the sender's setup that providers report.
policy-pointer = The provider finds no PTR record: the sending IP address must have a host name in the DNS that resolves to the same address. Ask the owner of the address (your hosting company) to set it.
policy-spf = The provider finds no SPF record that allows this server to send for the domain. Add the address of your relay to the TXT record “v=spf1 …” of the sender's domain, at your DNS provider.
policy-tls = The provider accepts messages over encrypted connections only. Enable TLS for outgoing mail on your relay.
policy-dkim = The provider finds no valid DKIM signature. Configure your relay to sign for the sender's domain, and publish its key in the DNS of that domain.
policy-dmarc = The sender's domain has no DMARC record. Publish a TXT record at _dmarc.YOURDOMAIN, “v=DMARC1; p=none” to begin with, at your DNS provider.
policy-alignment = Neither SPF nor DKIM passes for the domain in From. Sign with the domain of the From address, or send from an address of the signed domain.
policy-authentication = Microsoft requires SPF, DKIM and DMARC to pass for the domain in From of high-volume senders. Check all three records of the sender's domain at your DNS provider.

# Stop rule of a campaign.
breaker-bounces = More than { $most } of the first { $first } results were addresses that do not exist. Providers take this as a sign of a bought or old list. Check the source of the addresses, then continue with: sendoff campaign resume NAME

# Relays of a workspace.
relay-unknown = There is no relay “{ $name }”. Relays: { $known }. Add one: sendoff relay set NAME URL
relay-name-reserved = “{ $name }” cannot be the name of a relay, because it is a kind of relay. Write sendoff relay set smtp URL, relay set capture, relay set file DIR, or choose another name.
relay-for = “{ $text }” is neither an address nor a domain. Write --for news@example.org or --for example.org
relay-weight = --weight, the share of a relay, must be a whole number from 1 to { $most }.
relay-ahead = --ahead, the marked messages that a connection may hold, must be a whole number from 1 to { $most }.
relay-gone = The campaign names the relay “{ $name }”, which does not exist. Add it with sendoff relay set { $name } …, then resume the campaign.
relay-for-others = Every relay is bound to other senders. Bind one to the sender of this campaign with sendoff relay set NAME --for ADDRESS, or add a relay without senders; then resume the campaign.
relay-removed = The relay “{ $name }” is removed. Messages go through: { $left }.
relay-spare = spare
relay-weight-shown = weight { $weight }
relay-ahead-shown = up to { $ahead } marked messages per connection
relay-senders = for { $senders }
