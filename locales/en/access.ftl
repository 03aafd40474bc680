role-operator = Administrator
role-owner = Owner
role-marketer = Marketer
role-analyst = Analyst
role-auditor = Auditor
role-support = Support
role-recipient = Recipient
role-visitor = Visitor
role-unknown = There is no role “{ $role }”. Roles: { $known }.

password-short = Use at least { $least } characters.
password-long = Use at most { $most } characters.
password-easy = This password is easy to guess: use several words, or more different characters.
password-wrong = This is not your present password.
password-link-invalid = This link has expired or was used already. Ask for a new one.

user-name = Write a name of at most { $most } characters.
user-email = This is not an e-mail address: { $why }
user-exists = { $address } has an account already.
user-unknown = No user has the address { $address }.
user-damaged = The row of a user cannot be read. Is the file keys/seal.key that of this installation?
user-last-administrator = This is the last administrator. Make another user one first.

sign-in-wrong = The address or the password is wrong.
sign-in-code-needed = Type the code from your authenticator app, or a recovery code.
sign-in-code-wrong = This code is wrong, has expired or was used already.
sign-in-throttled = Too many attempts. Try again in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}; a browser in which you have signed in before may try at once.
signed-out = You are signed out. Sign in again.
session-unknown = This session has ended already.
login-link-invalid = This link was used already. Start the demo again for a new one.

setup-link-invalid = This link has expired or was used already. Start Sendoff again: it prints a new link while there is no administrator.

second-factor-expired = The secret of this page is not valid any more. Open the page again.
second-factor-exists = The second factor is set up already.
second-factor-none = The second factor is not set up.

team-member-exists = { $address } is a member of this workspace already.
team-member-unknown = This user is not a member of this workspace.
team-last-owner = This is the last owner of the workspace. Make another member an owner first.
team-invitation-unknown = This invitation was accepted or withdrawn already.
team-invitation-invalid = This invitation has expired, was withdrawn or was used already. Ask for a new one.
team-sign-in-first = This address has an account already. Sign in, then open the invitation again.
team-other-address = This invitation is for { $address }. Sign out, and sign in with that address.
team-grant-needed = Say until when the support may look.
team-grant-term = Choose a day within the next { $days } days.
team-grant-role = Only the support has an end date.

team-grant-day = “{ $text }” is not a day such as 2026-12-31.
user-added = { $address } was added. Give them this link, by which they choose a password within three days:
    { $url }
user-reset = With this link { $address } chooses a new password within three days; until then nothing changes for them:
    { $url }
user-none = There are no users yet. Start sendoff serve and open the link that it prints.
user-never-seen = not seen yet
user-role = { $address } has the role { $role } now.
user-administrator = They are an administrator of the whole installation now.
user-no-administrator = They are no administrator any more.
user-removed = { $address } was removed, with their sessions and roles.
user-sessions-none = They are signed in nowhere.
user-sessions-ended = { $count ->
    [one] { $count } session was ended.
   *[other] { $count } sessions were ended.
}

provider-silent = The identity provider does not answer. Try again later, or sign in with your password.
provider-discovery = The identity provider does not describe itself as it should. An administrator can check its issuer: sendoff user oidc show.
provider-code = The identity provider does not accept this sign-in. Begin again; if it stays so, an administrator can check the client and its secret.
provider-token = The identity provider sent something that is not a token of this sign-in. Begin again.
provider-signature = The token is not signed by the identity provider. Nobody was signed in.
provider-issuer = The reply is of another identity provider. Nobody was signed in.
provider-audience = The token is made for another program. Nobody was signed in.
provider-nonce = The token belongs to another sign-in. Begin again.
provider-expired = The token of the identity provider has expired. Begin again; if it stays so, compare the clocks of both servers.
provider-email = The identity provider does not say that it has verified your address. Verify it there, or sign in with your password.
provider-state = This sign-in was used already, has expired, or was begun in another browser. Begin again.
provider-unknown-user = Nobody here has the address that the identity provider knows you by. Ask the owner for an invitation.
provider-none = There is no identity provider. Set one with sendoff user oidc set.
provider-damaged = The secret of the identity provider cannot be opened with the key of this installation. Set it again: sendoff user oidc set.
provider-issuer-wrong = This is no issuer: a URL that begins with https://, as the provider names itself.
provider-value-wrong = The value of { $field } is missing, too long, or has invisible characters.
provider-set = The staff can sign in at { $issuer }. Tell the provider this address for its replies: { $url }
provider-shown = { $label }: { $issuer }, client { $client }, { $secret ->
    [true] with a secret
   *[other] without a secret
 }. { $answers ->
    [true] It answers.
   *[other] It does not answer as it should.
 }
    Address for its replies: { $url }
provider-removed = The staff signs in with passwords alone.
