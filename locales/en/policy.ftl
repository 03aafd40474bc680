# Privacy policies of workspaces.
policy-mistakes = The policy has { $count } mistakes. { $mistakes }
policy-mistake = Line { $line }, column { $column }, { $path }: { $what }
policy-mistake-line = Line { $line }, column { $column }: { $what }
policy-toml = this is not TOML. The parser says: { $detail }
policy-long = The policy file is longer than { $limit } KiB. Put the texts of its editions into files beside it: ru = { "{" } file = "policy-ru.md" { "}" }
policy-unknown-key = there is no key “{ $key }” here; did you mean “{ $near }”?
policy-missing = “{ $key }” is missing or empty.
policy-type = “{ $key }” must be { $wanted ->
    [text] a text in double quotes.
    [texts] a list of texts: { $key } = ["…", "…"]
    [table] a section: [{ $key }]
    [tables] sections, each with a head of its own: [[{ $key }]]
    [flag] true or false.
    [file] a text in double quotes, or { "{" } file = "NAME" { "}" }.
   *[day] a day: { $key } = 2026-12-31
}
policy-number = write a whole number from 1 to { $most }.
policy-word = “{ $word }” is not known here. Write one of: { $known }.
policy-jurisdiction = the policy names no jurisdiction. Write jurisdiction = "…" above the first section, one of: { $known }.
policy-controller-contact = the controller has no contact. Give address, email or phone.
policy-no-edition = the policy has no edition. Add [[edition]] with number, dated and text.
policy-no-purpose = the policy has no purpose. Add [[purpose]] with name, basis, lists and fields.
policy-no-basis = the purpose “{ $purpose }” has no legal basis. Write basis = "consent", "contract", "interest" or "legal_duty".
policy-name = a name has 1 to { $limit } visible characters.
policy-language = “{ $tag }” is not a tag of a language. Write for example en or ru.
policy-file = the file “{ $name }” cannot be read. It must stand beside the policy file, or in a folder there.
policy-edition-number = edition { $number } stands behind edition { $before }; numbers must rise.
policy-edition-dated = edition { $number } is dated { $dated }, before edition { $before } of { $earlier }. An edition is dated on the day of its predecessor or later.
policy-edition-effective = edition { $number } takes effect on { $effective }, before edition { $before } does on { $earlier }.
policy-edition-early = edition { $number } takes effect on { $effective }, before its own date { $dated }. Nobody could have read it by then.
policy-purpose-twice = there are two purposes “{ $name }”. Give one of them another name.
policy-named-twice = “{ $name }” is named twice. Keep one.
policy-list-twice = the list “{ $list }” is in two purposes, “{ $first }” and “{ $second }”. A list serves one purpose.
policy-purpose-text = the purpose “{ $name }” rests on consent and has no text that people agree to. Add text = { "{" } en = "…" { "}" }
policy-fact = the processor gets “{ $fact }”, which the purpose “{ $purpose }” does not hold. Name one of its fields or of: { $known }.
policy-fact-unmeasured = the processor gets “{ $fact }”, but the measurement mode is “{ $mode }”, which records nothing of single people. Write mode = "individual", or take the fact away.
policy-processor-facts = the processor “{ $name }” gets nothing. Name its facts, or remove it.
policy-field-unused = the field “{ $name }” is used by no purpose. Add it to the fields of a purpose, or remove it.
policy-special = “{ $name }” is a special category of personal data ({ $category ->
    [health] health
    [biometric] biometric or genetic data
    [race] race or ethnic origin
    [religion] religion or beliefs
    [politics] political opinions or a trade union
    [sex_life] sex life or orientation
   *[crime] convictions
}). Sendoff keeps none.
policy-none-with-consent = mode = "none" records nothing, so there is nothing to consent to. Remove consent, or choose another mode.
policy-retention-short = data that are kept { $days } days are gone before the { $needed } days of measurement are over. Keep them longer, or lower measurement.days.
policy-events-longer = opens and clicks are kept { $events } days, their deliveries only { $deliveries }. Keep the deliveries as long.
policy-contract-backups = backups expire after { $backups } days, before the data are erased after { $erase }.
policy-contract-early = the contract ends on { $ends }, before the first edition of { $dated }.
policy-promise = there is no promise “{ $id }”. There are: { $known }.
policy-list-without-purpose = The privacy policy names no purpose for the list “{ $list }”, so nothing may be done on it. Add the list to a purpose: sendoff policy apply FILE
policy-other-basis = The list “{ $list }” serves the purpose “{ $purpose }”, which rests on { $own }, not on { $basis }.
policy-other-field = { $count ->
    [one] The field { $fields } does
   *[other] The fields { $fields } do
} not belong to the purpose “{ $purpose }” of the list “{ $list }”. Leave the column out (--map COLUMN=-), or name the field in the policy.
policy-other-field-of-contact = The field “{ $field }” does not belong to the purposes of the person’s lists: { $purposes }. Name it in the policy first.
policy-too-young = The privacy policy allows nobody who is younger than { $years }.
policy-email-field = The email prints the field “{ $field }”, which the purpose “{ $purpose }” of the list “{ $list }” does not name.
policy-segment-field = The segment asks for the field “{ $field }”, which the purpose “{ $purpose }” of the list “{ $list }” does not name.
policy-segment-list = The segment names the list “{ $other }” (purpose: { $theirs }), and the campaign goes to the list “{ $list }” of the purpose “{ $purpose }”. Data of different purposes are not joined.
policy-segment-campaign = The segment names the campaign “{ $other }” (purpose: { $theirs }), and this one goes to the list “{ $list }” of the purpose “{ $purpose }”. Data of different purposes are not joined.
policy-conflicts = The policy cannot be applied for { $count } reasons. { $conflicts }
policy-conflict-campaign = The campaign “{ $campaign }” needs its data for { $needed } days more, and the purpose “{ $purpose }” keeps them only { $days }. Keep them longer, or cancel the campaign.
policy-conflict-edition = Edition { $number } was published, and the file changes or drops it. Leave it as it was and add a new edition.
policy-allows-purpose = { $purpose } ({ $basis }): lists { $lists }; fields { $fields }
policy-allows-processor = { $name } may get { $facts } for { $purpose }: sendoff export subscriptions --profile processor
policy-refuses-fields = on { $lists }: every field that the purpose “{ $purpose }” does not name, and people on another basis than { $basis }
policy-refuses-lists = imports, forms and campaigns on lists that no purpose names
policy-refuses-crossing = segments and emails of a campaign that use fields, lists or campaigns of another purpose
policy-refuses-special = fields of special categories: health, biometrics, race, religion, politics, sex life, convictions
policy-refuses-age = people younger than { $years } by the field “{ $field }”
policy-measures-nothing = any measurement: no pixel, plain links
policy-measures-nobody = any record of a single person’s opens and clicks
policy-measures-campaign = counting the opens of a campaign by one pixel that is the same for everybody
policy-measures-opt-in = measuring opens and clicks of those who agreed; everyone else gets the same email without a pixel and with plain links
policy-measures-opt-out = measuring opens and clicks of those who did not refuse; they get the same email without a pixel and with plain links once they do
policy-deletes-leaving = everything of a person, in the transaction in which they leave their last list
policy-deletes-events = opens and clicks after { $days } days
policy-deletes-deliveries = deliveries after { $days } days
policy-deletes-idle = people without any activity for { $days } days
policy-deletes-receipts = sealed receipts of people who are gone, after { $days } days
policy-deletes-exports = exports in the data folder after { $days } days
policy-deletes-purpose = what is kept for “{ $purpose }”, { $days } days after the last activity
policy-deletes-contract = when the contract ends on { $ends }: nothing is sent from then on, everything is erased within { $erase } days, and no backup holds it after { $backups } days
policy-plan-same = This policy is in force already.
policy-plan-people = It concerns { $count ->
    [one] { $count } person.
   *[other] { $count } people.
}
policy-plan-list = List “{ $list }” ({ $count }): purpose “{ $purpose }”.
policy-plan-list-none = List “{ $list }” ({ $count }): no purpose names it; it cannot be imported to nor mailed.
policy-plan-list-missing = List “{ $list }” does not exist yet; it gets its purpose when it is added.
policy-plan-field-missing = Field “{ $field }” is not declared yet.
policy-plan-field = Field “{ $field }” belongs to no purpose, and { $count ->
    [one] { $count } person has a value.
   *[other] { $count } people have a value.
} Remove it: sendoff field rm { $field }
policy-plan-measured = Opens and clicks are recorded of { $before } people now, and of { $after } under the policy.
policy-plan-young = { $count ->
    [one] { $count } person is
   *[other] { $count } people are
} younger than the policy allows.
policy-plan-edition = Edition { $number } is not in force yet; tell { $count ->
    [one] { $count } person
   *[other] { $count } people
} of it: sendoff policy notice
policy-plan-stops = The campaign “{ $campaign }” stops: { $why }
paused-policy = Policy { $number } does not allow this campaign: { $why } Change the policy, or cancel the campaign.
policy-stopped = The campaign “{ $campaign }” was paused: the policy does not allow it. Why: sendoff campaign show "{ $campaign }"
policy-valid = The policy file is valid.
policy-head-allows = Allowed:
policy-head-refuses = Refused:
policy-head-deletes = Deleted:
policy-head-conflicts = Stands against it:
policy-applied = Policy { $number } is in force ({ $digest }).
policy-unchanged = Policy { $number } is in force already ({ $digest }).
policy-none = The workspace has no privacy policy. Write one (docs/policy.md), then: sendoff policy apply FILE
policy-in-force = Policy { $number }, applied { $at } ({ $digest }).
policy-missing-here = The workspace has no privacy policy. Write one (docs/policy.md), then: sendoff policy apply FILE
policy-notice-none = There is no edition to announce: none takes effect later than today. Add one with a later effective date, then: sendoff policy apply FILE
policy-notice-name = Privacy policy, edition { $number } ({ $list })
policy-notice-subject = { $company } changes its privacy policy on { $effective }
policy-notice-text = { $company } has published edition { $number } of its privacy policy, dated { $dated }. It takes effect on { $effective }.
    {""}
    Read it, and what it changes: { $url }
    {""}
    If you do not agree, you can unsubscribe below before it takes effect; then your data are erased. Questions: { $email }
policy-notice-sent = Edition { $edition } is announced to { $people ->
    [one] { $people } person.
   *[other] { $people } people.
}
policy-notice-line = { $campaign }: { $accepted } of { $planned } accepted
proof-summary = { $kept } of { $all } promises are borne out by the data.
proof-kept = kept
proof-not-kept = not kept
proof-what = What the data say
proof-value = Value
proof-action = Done: { $action }
proof-audit-entries = Entries of the audit log
proof-audit-problems = Breaks in the chain of the audit log
proof-people-without-list = People who are on no list any more
proof-deliveries-without-person = Deliveries without their person
proof-events-without-person = Opens and clicks without their person
proof-departed = People who left or were erased
proof-tombstones = Addresses that are kept out
proof-without-consent = Confirmed subscriptions without a consent receipt
proof-consents = Consent receipts
proof-oldest-consent = Oldest consent receipt
proof-newest-consent = Newest consent receipt
proof-subscriptions = Subscriptions, each with its date
proof-newest-subscription = Newest subscription
proof-opened = People with an open
proof-clicked = People with a click
proof-reachable = People who can be reached
proof-crossing-rows = Subscriptions across workspaces
proof-crossing-deliveries = Deliveries across workspaces
proof-workspaces = Workspaces of the installation
proof-erased-counts = Counts of erased people, which name nobody
proof-on-closed-lists = People on closed lists
proof-closed-lists = Closed lists
proof-restricted = Restricted subscriptions
proof-sending-to-restricted = Messages on their way to restricted people
proof-refused-measurement = People who refused measurement
proof-agreed-measurement = People who agreed to measurement
proof-measured-against-will = Opens and clicks of messages sent after a refusal
proof-events = Opens and clicks
proof-oldest-event = Oldest open or click
proof-newest-event = Newest open or click
proof-oldest-delivery = Oldest delivery
proof-automation-other = Automations that do more than send a campaign
proof-series = Series of campaigns
proof-imports-without-proof = Imports without source or proof
proof-imports = Imports with source, basis and proof
proof-campaigns-to-closed-lists = Campaigns to closed lists
proof-open-lists = Open lists
proof-segments = Segments
proof-public-url = Address of the unsubscribe and preference pages (public-url)
proof-unsubscribe-mailbox = Mailbox for unsubscribing by mail (unsubscribe-mailbox)
proof-logo = Logo, loaded from this installation alone
proof-relays = Relays
proof-store = Database
proof-processors = Processors named by the policy
proof-bytes-pending = Bytes of erased people that wait for their removal
proof-team = Roles in the workspace
proof-support-without-end = Grants to support staff without an end
proof-support-changes = Changes and exports that support staff may make
proof-second-factors = Staff with a second factor
proof-short-sessions = Sessions with a short identifier
proof-sessions = Sessions, each a random identifier
proof-backups = Backups made
proof-backup-age = Days since the newest backup
proof-more-facts = Facts that a processor gets beyond the five
proof-facts = Facts that processors get
proof-bases = Legal basis of each purpose
proof-events-overdue = Opens and clicks kept beyond their term
proof-deliveries-overdue = Deliveries kept beyond their term
proof-editions = Editions with their dates
proof-edition-in-force = Edition in force
proof-applied-at = Policy applied
proof-special-fields = Declared fields of special categories
proof-fields = Declared fields
proof-contract = End of the contract, and days until the data and the backups are gone
proof-running-after-end = Campaigns after the end of the contract
proof-people-after-end = People after the term of erasure
proof-people = People
proof-crossing-campaigns = Campaigns that join data of two purposes
proof-campaigns = Campaigns looked at
proof-purposes = Purposes with lists
proof-measurement = Measurement mode
proof-events-after-policy = Opens and clicks of single people under the policy
proof-newest-edition = Newest edition and when it takes effect
proof-first-edition = There was no change yet: the only edition
proof-notices = Notices of the newest edition
proof-notices-late = Notices that are not sent, or were sent after it took effect
proof-age-rule = Age rule
proof-too-young = People who are too young
proof-with-birth-date = People with a date of birth
proof-list = List and its fields, with people
proof-lists-without-rule = Lists whose rule is not that of the policy
proof-unnamed-values = Values of fields that no purpose names
proof-copy-lists = Lists in the copy of the newest contact
proof-copy-consents = Consents with their source in that copy
proof-copy-deliveries = Deliveries in that copy
promise-j1 = Marketing mailings use the named fields and nothing else.
promise-j2 = The data are deleted as soon as the person unsubscribes.
promise-j3 = The data are deleted if the newsletter ceases before the person unsubscribes.
promise-j4 = The mailing processor gets the address and reports five facts: date of subscription, open and its time, click, reachability.
promise-j5 = Each purpose has its own legal basis and its own retention.
promise-j6 = Consent can be withdrawn at any time by writing, naming the purpose.
promise-j7 = Data stay on our servers; they are not handed to third parties for direct marketing.
promise-j8 = Each new edition of the policy is dated and published.
promise-j9 = What is destroyed cannot be restored.
promise-m1 = The clients of a customer are processed on the customer’s order, apart from those of others.
promise-m2 = Fields are declared, and never of special or biometric categories.
promise-m3 = Data are kept for the term of the contract, deleted within 30 days after it, and on backup media within 6 months.
promise-m4 = Statistics are kept only after anonymisation.
promise-m5 = Databases with incompatible purposes are not merged.
promise-m6 = Access is limited and separated, and what staff do is monitored.
promise-m7 = Data can be restored from backups.
promise-m8 = A person may unsubscribe by the link or by contacting the company.
promise-c1 = Data can be blocked without being destroyed.
promise-c2 = The person can change or delete their data themselves.
promise-c3 = No decision with legal consequences rests on automated processing alone.
promise-c4 = Support staff look in only by the owner’s grant, and copy or change nothing.
promise-c5 = Who brings in data of third parties vouches that consent was given.
promise-c6 = Data are kept accurate: corrected, blocked or destroyed.
promise-r1 = Rights: access, copy, correction, objection, erasure, restriction, portability, withdrawal, complaint.
promise-r2 = A machine-readable copy, also handed to another organisation.
promise-r3 = Unsubscribe by the link, by the settings, or by contacting the company.
promise-r4 = Mailings follow the person’s preferences.
promise-r5 = Web beacons and clicks are collected for the stated purposes only.
promise-r6 = People are told of changes to the policy before they take effect.
promise-r7 = Reports are built from the collected data.
promise-r8 = Identity is confirmed before a request is fulfilled.
promise-h1 = A person may refuse promotional messages by the setting in each message or by writing.
promise-h2 = A person may learn whether, why, how, by whom, from what source and for how long data are processed.
promise-h3 = Services are not for people under the age limit.
promise-h4 = Security: identification, access control, security event log, backups.
promise-h5 = Only session cookies with a random identifier.
public-policy-title = Privacy policy
public-policy-edition = Edition { $number } of { $dated } ({ $standing ->
    [in-force] in force since { $effective }
    [coming] takes effect on { $effective }
   *[earlier] in force from { $effective }, replaced since
})
public-policy-controller = Who answers for the data
public-policy-changes = What this edition changes
public-policy-editions = All editions
desk-policy = Privacy policy
desk-policy-none = The workspace has no privacy policy yet: everything is allowed that the program can do. Write one below.
desk-policy-proof = Proof of the promises
desk-policy-kept = promises are borne out by the data
desk-policy-public = Everybody can read it at
desk-policy-editions = Editions
desk-policy-notice = Notice of the newest edition
desk-policy-announce = Tell everyone of the coming edition
desk-policy-announce-what = One message to each person on any list, before the edition takes effect. Nobody gets it twice.
desk-policy-from = Sender; empty for the controller of the policy
desk-policy-plan = What this file changes
desk-policy-file = Policy file
desk-policy-choose = Policy file (.toml) and the texts it names
desk-policy-choose-check = Check the file
desk-policy-text = Text:
desk-policy-no-file = No policy file was chosen. Choose one whose name ends in .toml.
desk-policy-file-what = TOML; the help has an example. Texts that the file names as files beside it are those of the last policy applied by command.
desk-policy-check = Check and plan
desk-policy-apply = Apply
export-profile = “{ $profile }” is no profile of “{ $kind }”. There is: sendoff export subscriptions --profile processor
proof-retention-run = Last run that removed what had reached its term
proof-destruction-entries = Entries of the log of destruction
proof-destruction-problems = Breaks in the chain of the log of destruction
person-opened = opened
person-clicked = clicked
person-reachable = can be reached
person-unreachable = cannot be reached
proof-requests-overdue = Requests that are overdue
proof-requests-unproven = Requests answered with data without proof of identity
proof-requests = Requests
proof-unsubscribe-reader = How mail to it is processed: by the engine where it gets it (a pipe, SMTP or LMTP), otherwise an operator records each request
