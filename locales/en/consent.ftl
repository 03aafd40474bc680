# Consent receipts.
consent-day = “{ $day }” is no day. Write it as 2026-10-31.
consent-none = There is no consent for “{ $purpose }” to take back. There is: { $known }
consent-at = What { $address } had agreed to at { $time } UTC:
consent-line-given = { $purpose } · { $list } · { $basis } · since { $time }
consent-line-withdrawn = { $purpose } · { $list } · withdrawn at { $time }
consent-line-none = Nothing.
consent-chain-whole = No receipt was changed or removed ({ $count } checked).
consent-chain-broken = Changed, or behind one that was changed or removed: { $count ->
    [one] { $count } receipt
   *[other] { $count } receipts
}. Compare with a backup.
consent-withdrawn = { $address } has withdrawn the consent for “{ $purpose }”.
consent-withdrawn-left = { $address } has withdrawn the consent for “{ $purpose }” and left { $lists }.
consent-withdrawn-erased = { $address } has withdrawn the consent for “{ $purpose }”, left { $lists }, was on no other list and is erased.
consent-sealed = { $address } was erased on { $day } ({ $reason }) and had agreed before:
consent-sealed-line = { $kind } at { $time }: { $purpose } · { $list } · { $channel } · source: { $source } · text: { $wording } · proof: { $proof }
consent-sealed-none = Nothing is sealed for { $address }: it was never erased here, gave no consent, or the term of the receipts is over.
consent-is-contact = { $address } is a contact now. See: sendoff contact consents ADDRESS

desk-consent-proof = Proof of a past consent
desk-consent-proof-what = When someone's data is erased, a sealed record of what they had agreed to stays for three years. Only their address opens it.
desk-consent-proof-none = nothing is sealed for this address.
desk-consent-proof-found = had agreed to this before the data was erased:
desk-consent-proof-contact = The person is a contact now; their page shows their receipts.
desk-consent-withdrawn = withdrawn
desk-consent-purpose = Purpose
desk-consent-text = Text agreed to
desk-consent-erased = Data erased on
consent-verified = Every receipt is in the journal ({ $rows } compared).
consent-verified-not = { $rows } receipts and proofs compared; the journal of this machine does not know { $unknown } of them.
