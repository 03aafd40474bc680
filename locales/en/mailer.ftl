# The relay: where letters go.
relay-url = This is not the address of an SMTP server. Write smtp://HOST:25, smtp://USER:PASSWORD@HOST:587?tls=required or smtps://USER:PASSWORD@HOST, with @ : / # % in user and password as %40 %3A %2F %23 %25.
relay-url-option = “{ $option }” or its value is not known in the address of a relay. There are: tls=required, tls=opportunistic, ca=FILE.
relay-url-credentials = The address of the relay must have both a user and a password, or neither: smtps://USER:PASSWORD@HOST
relay-url-helo = The name after the host is what we call ourselves in EHLO: a full ASCII host name such as news.example.org, not localhost.
relay-url-clear = Over this connection the password would be readable by anyone on the way. Add ?tls=required, or use smtps://.
relay-connections = The number of connections must be from 1 to { $most }.
relay-rate = The rate must be a number of letters a second greater than 0.
relay-sealed = The relay of this workspace cannot be read: keys/seal.key is not the one it was saved with. Restore that key, or set the relay again: sendoff relay set …
relay-capture = Letters are kept in the inbox of this installation; none is sent. Connections: { $connections }.
relay-capture-rate = Letters are kept in the inbox of this installation; none is sent. Connections: { $connections }, letters a second: { $rate }.
relay-target = Letters go to { $target }. Connections: { $connections }.
relay-target-rate = Letters go to { $target }. Connections: { $connections }, letters a second: { $rate }.
relay-ready = Letters can be kept there.
relay-answered-tls = { $target } answers. The connection is encrypted and its certificate is right. Offered: { $offers }.
relay-answered-clear = { $target } answers. The connection is not encrypted. Offered: { $offers }.
capture-loopback = The capture receives letters on this machine only, and { $address } can be reached from others. Choose an address such as 127.0.0.1:2525.
folder-letter-missing = There is no such letter. It may have been erased.
# How a conversation with the relay breaks.
smtp-lookup = The host name of the relay is not known. Check it with `sendoff relay show`, and the name service of this machine.
smtp-unreachable = Nothing answers at the address of the relay ({ $why }). Check host and port with `sendoff relay show`, and that the server runs.
smtp-files = No file is left for a connection to the relay: this process, or the machine, has too many open. Raise the limit (`ulimit -n`, `LimitNOFILE=` in systemd) or use fewer connections (`sendoff relay set … --connections`).
smtp-timeout = The relay did not answer in time { $phase ->
    [connect] when we connected
    [greeting] when it was to greet us
    [tls] when we began to encrypt
    [auth] when we signed in
    [envelope] to sender and recipient
    [data] when we announced a letter
    [body] while we sent a letter
   *[dot] after a letter; it may have been accepted
}. Check that it is well with `sendoff relay test`.
smtp-closed = The relay hung up { $phase ->
    [connect] when we connected
    [greeting] instead of greeting us
    [tls] when we began to encrypt
    [auth] when we signed in
    [envelope] before a letter
    [data] when we announced a letter
    [body] in the middle of a letter
   *[dot] after a letter and did not say whether it was accepted
}. Look into its log for the reason.
smtp-broken = The connection to the relay broke ({ $why }). Check the network, then try `sendoff relay test`.
smtp-nonsense = What answers at the address of the relay does not speak SMTP. Check host and port with `sendoff relay show`; port 465 needs smtps://.
smtp-answer = The relay answered { $reply } { $phase ->
    [greeting] instead of greeting us
    [tls] when we began to encrypt
    [auth] when we signed in
   *[envelope] where that ends the conversation
}. Look into its log for the reason.
smtp-auth = The relay refused user or password ({ $reply }). Set them again: sendoff relay set smtp …
smtp-certificate-expired = The relay's certificate is out of date. Renew it on the relay; check the clock of this machine, too.
smtp-certificate-name = The relay's certificate is for another name. Use the name that stands in the certificate: sendoff relay set smtp …
smtp-certificate-issuer = The relay's certificate is signed by nobody this machine trusts. If the authority is your own, name its file: smtps://…?ca=FILE
smtp-certificate = The relay's certificate is damaged, or is the certificate of an authority, as `openssl req -x509` makes them. Sign one for the server's name with that authority and name its file: smtps://…?ca=FILE
smtp-authority = The file named with ca= cannot be read or holds no certificate in PEM form. Check the file, then set the relay again.
smtp-handshake = The relay and we found no common way to encrypt. Port 465 needs smtps://, port 587 needs smtp://…?tls=required.
smtp-starttls = The relay offers no STARTTLS, so nothing was sent and no password given away. Use smtps:// if it has it, or have TLS switched on there.
smtp-mechanism = The relay accepts no password in a form we speak (AUTH PLAIN or LOGIN). Leave user and password out, or have one of the two switched on there.
smtp-unsafe = A letter or an address holds a lone line end or a NUL and was not sent. Please report this as a fault of Sendoff.

# Sending.
relay-sender = The relay refuses the sender address (reply { $code }). Use a sender that this relay accepts, then resume the campaign.
relay-folder = The letter could not be stored in the folder. Check its permissions and free space, then resume the campaign.
relay-denies = The relay denies one recipient after another for reasons of policy (reply { $reply }, { $count } in a row). Check that it may send for this sender and for this machine, then resume the campaign.
relay-locked = The relay wants a sign-in or encryption first (reply { $code }). Put user and password, and tls=required, into its URL, then resume the campaign.
post-smtputf8 = The relay cannot carry this address: it does not offer SMTPUTF8.
post-refused = The relay refused the letter: { $code } { $reply }
