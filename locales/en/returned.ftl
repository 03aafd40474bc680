# Mail that came back: bounces, complaints, requests to leave.

returned-failed = The server gave up.
returned-delay = The server tries again; nothing has to be done.
returned-bounce-text = A bounce without a standard report, read by its words.
returned-unclear = A bounce that does not say why; nobody is suppressed by it.
returned-delivered = A report of a delivery or a redirection, not of a failure.
returned-complaint = The recipient called the message spam.
returned-other-report = A report that is no complaint.
returned-malformed-report = A complaint that breaks the rules of its format (RFC 5965).
returned-auto-reply = An automatic reply, for example a note of absence.
returned-request = Somebody asks to get no more email.
returned-unknown = No bounce, no complaint and no request.
returned-too-large = Larger than 10 MiB, so it was not read.
returned-too-deep = Nested deeper than any report, so it was not read.
returned-no-message = Not an email message.
returned-two-tokens = It names several messages of ours, so it is not known whom it concerns.
returned-known = This message was taken before; nothing was done again.
returned-nobody = The person has left meanwhile, or the message was a test; nothing was done.
returned-other-address = The mail was redirected, and another mailbox failed; it was counted.
returned-many-days = The mailbox has failed on five days within thirty; the person gets no more email until that is lifted.
returned-none = Nothing came back within the last 30 days. See: docs/bounces.md
returned-empty = { $file } is empty. Give a raw message with its header.
serve-inbound = Mail that comes back: { $address } (SMTP and LMTP)
