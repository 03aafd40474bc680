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
policy-valid = The policy file is valid.
policy-head-allows = Allowed:
policy-head-refuses = Refused:
policy-head-deletes = Deleted:
policy-head-conflicts = Stands against it:
policy-applied = Policy { $number } is in force ({ $digest }).
policy-unchanged = Policy { $number } is in force already ({ $digest }).
policy-none = The workspace has no privacy policy. Write one (docs/policy.md), then: sendoff policy apply FILE
policy-in-force = Policy { $number }, applied { $at } ({ $digest }).
