# Relays.
relay-url = This is not the URL of an SMTP server. Write smtp://HOST:25, smtp://USER:PASSWORD@HOST:587?tls=required or smtps://USER:PASSWORD@HOST, with @ : / # % in user and password written as %40 %3A %2F %23 %25.
relay-url-option = The URL of the relay has the unknown option “{ $option }”, or a wrong value for it. Options: tls=required, tls=opportunistic, ca=FILE.
relay-url-credentials = The URL of the relay must have both a user and a password, or neither: smtps://USER:PASSWORD@HOST, or smtps://USER@HOST with --password-file FILE
relay-url-helo = The name after the host is used in EHLO and must be a full ASCII host name such as news.example.org, not localhost.
relay-password-user = There is no user for this password. Name one in the URL: smtps://USER@HOST
relay-url-clear = This connection would send the password in clear text. Add ?tls=required, or use smtps://.
relay-connections = --connections must be a whole number from 1 to { $most }.
relay-rate = --rate must be a number of messages per second greater than 0, such as 0.5 or 50, or none to remove it.
relay-sealed = The relay of this workspace cannot be decrypted: keys/seal.key is not the key it was saved with. Restore that key, or set the relay again: sendoff relay set …
relay-capture = Messages are stored in the inbox of this installation; none is delivered. Connections: { $connections }.
relay-capture-rate = Messages are stored in the inbox of this installation; none is delivered. Connections: { $connections }, messages per second: { $rate }.
relay-target = Messages go to { $target }. Connections: { $connections }.
relay-target-rate = Messages go to { $target }. Connections: { $connections }, messages per second: { $rate }.
relay-ready = Messages can be stored there.
relay-answered-tls = { $target } accepts connections. The connection is encrypted and the certificate is valid. Extensions: { $offers }.
relay-answered-clear = { $target } accepts connections. The connection is not encrypted. Extensions: { $offers }.
capture-loopback = The capture server accepts messages from this machine only, and other machines can reach { $address }. Choose an address such as 127.0.0.1:2525.
folder-message-missing = There is no such message. It may have been erased with its recipient. Go back to the inbox.
# Errors of SMTP sessions.
smtp-lookup = The host name of the relay cannot be resolved. Check it with `sendoff relay show`, and check the DNS settings of this machine.
smtp-unreachable = No server accepts connections at the address of the relay ({ $why }). Check host and port with `sendoff relay show`, and that the server runs.
smtp-files = No file descriptor is left for a connection to the relay: this process, or the machine, has too many open files. Raise the limit (`ulimit -n`, `LimitNOFILE=` in systemd) or use fewer connections (`sendoff relay set … --connections`).
smtp-timeout = The relay did not reply in time { $phase ->
    [connect] to the connection
    [greeting] with a greeting
    [tls] to the TLS handshake
    [auth] to the sign-in
    [envelope] to sender and recipient
    [data] to DATA
    [body] during a message
   *[dot] to a message, which may have been accepted
}. Check it with `sendoff relay test`.
smtp-closed = The relay closed the connection { $phase ->
    [connect] at once
    [greeting] before its greeting
    [tls] during the TLS handshake
    [auth] during the sign-in
    [envelope] before a message
    [data] after DATA
    [body] during a message
   *[dot] after a message, without a reply whether it was accepted
}. See its log for the reason.
smtp-broken = The connection to the relay failed ({ $why }). Check the network, then try `sendoff relay test`.
smtp-nonsense = The server at the address of the relay does not speak SMTP. Check host and port with `sendoff relay show`; port 465 needs smtps://.
smtp-answer = The relay replied { $reply } { $phase ->
    [greeting] instead of a greeting
    [tls] to STARTTLS
    [auth] to the sign-in
   *[envelope] where this ends the session
}. See its log for the reason.
smtp-auth = The relay refused user or password ({ $reply }). Set the password again: sendoff relay set NAME --password-file FILE; see the user: sendoff relay show
smtp-certificate-expired = The relay's certificate has expired or is not valid yet. Renew it on the relay; also check the clock of this machine.
smtp-certificate-name = The relay's certificate is for another host name. Use the name in the certificate: sendoff relay set smtp …
smtp-certificate-issuer = The relay's certificate is signed by an authority that this machine does not trust. If the authority is your own, name its file: smtps://…?ca=FILE
smtp-certificate = The relay's certificate is invalid, or it is a CA certificate as `openssl req -x509` makes them. Sign a certificate for the server's name with that CA and name the CA file: smtps://…?ca=FILE
smtp-authority = The file named with ca= cannot be read or has no certificate in PEM format. Check the file, then set the relay again.
smtp-handshake = The TLS handshake with the relay failed. Port 465 needs smtps://, port 587 needs smtp://…?tls=required.
smtp-starttls = The relay offers no STARTTLS, so nothing was sent and the password was not transmitted. Use smtps:// if the relay has it, or enable TLS there.
smtp-mechanism = The relay offers neither AUTH PLAIN nor AUTH LOGIN. Leave out user and password, or enable one of the two there.
smtp-unsafe = A message or an address has a lone line end or a NUL and was not sent. Please report this as a bug of Sendoff.

# Why a relay cannot be used.
relay-sender = The relay refuses the sender address (reply { $code }). Use a sender that this relay accepts, then resume the campaign.
relay-folder = A message could not be stored in the folder. Check its permissions and free space, then resume the campaign.
relay-denies = The relay refuses one message after another for a reason that is not the recipients' (reply { $reply }, { $count } in a row). Check that it may send for this sender and from this machine. Then send to the rest and to those who were refused: sendoff campaign resume NAME --refused
relay-locked = The relay requires authentication or encryption (reply { $code }). Add user, password and tls=required to its URL, then resume the campaign.
relay-refuses = The relay refuses every message (reply { $code }). See its log for the reason, then resume the campaign.
relay-too-large = A message of this email has { $size } bytes, and the relay “{ $relay }” takes { $limit } at most. Nothing of it was sent and no recipient is affected. Make the email smaller, or raise the limit on the relay (message_size_limit in Postfix, message_size_limit in Exim); then start or resume the campaign.
relay-refuses-size = The relay “{ $relay }” refuses a message of { $size } bytes as too large (reply { $reply }). No recipient is affected. Make the email smaller, or raise the limit on the relay; then resume the campaign.
relay-sender-smtputf8 = The address in From has characters outside ASCII before the @, and the relay “{ $relay }” does not offer SMTPUTF8. No recipient is affected. Use a sender address in ASCII or a relay with SMTPUTF8; then start or resume the campaign.
campaign-refused = { $count } messages in a row were refused { $class ->
    [message] because of the content of the message
    [too-large] because of the size of the message
    [sender] because of the sender's setup
    [relay] because of a fault of the relay
    [mailbox] by mailboxes that exist
   *[policy] by a rule of the relay or of the recipients' servers
} (last reply { $reply }). No recipient is counted as bounced. Find the reason in the log of the relay and correct it; then send to the rest and to those who were refused: sendoff campaign resume NAME --refused
test-send-smtputf8 = The relay cannot send to this address, because it does not offer SMTPUTF8. Send the test to an address in ASCII, or through another relay.
test-send-refused = The relay refused the message: { $code } { $reply }
