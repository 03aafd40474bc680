entering-name = Name
entering-email = E-mail
entering-password = Password
entering-new-password = New password (10 characters or more)
entering-current-password = Present password
entering-code = Code, if you use a second factor
entering-code-now = Code from your app, or a recovery code
entering-first-code = Code that the app shows

setup-title = Set Sendoff up
setup-text = Who looks after this installation? You can invite the others afterwards.
setup-button = Begin

login-title = Sign in
login-button = Sign in
login-help = No password, or no code any more? An administrator can give you a link: sendoff user reset.
login-no-setup = There is nobody yet who could sign in. Open the link that sendoff serve has printed: it makes the first administrator.
login-password-chosen = Your password was changed. Sign in with it.
login-signed-out = You are signed out.
logout-button = Sign out

entering-administrators = This page is for administrators of the installation.
entering-expired = You are not signed in any more, and nothing was changed. Sign in in another tab, then go back and send the form again: what you typed is still there.
entering-nobody = Sign in first.

password-link-title = Choose a password
password-link-greeting = { $name }, choose the password that you will sign in with. You will be signed out everywhere.
password-link-button = Choose this password

join-title = Join “{ $workspace }”
join-text = You are invited to the workspace “{ $workspace }” as: { $role }.
join-button = Join
join-as = You are signed in as
join-sign-in = This address has an account already. Sign in to join.
join-refused = This invitation cannot be accepted

account-title = Your account
account-back = Back to your account
account-profile = Name and language
account-language = Language of the pages
account-language-browser = As the browser asks
account-save = Save
account-password = Password
account-password-text = You will be signed out in all other browsers.
account-password-button = Change the password
account-sessions = Where you are signed in
account-session-this = this browser
account-session-since = since
account-session-used = last used
account-session-end = Sign out there
account-browser-unknown = Unknown browser
account-done-profile = Saved.
account-done-password = The password is changed; all other browsers are signed out.
account-done-session = That browser is signed out.
account-done-removed = The second factor is removed.

second-factor-heading = Second factor
second-factor-on = Signing in asks for a code from your authenticator app.
second-factor-off = With a second factor, a stolen password alone lets nobody in.
second-factor-title = Set up a second factor
second-factor-text = Scan the picture with an authenticator app, or type the secret into it. Then type the code that it shows.
second-factor-qr = QR code of the secret
second-factor-secret = Secret:
second-factor-button = Turn it on
second-factor-remove-title = Remove the second factor
second-factor-remove-text = After this your password alone signs in.
recovery-codes-title = Your recovery codes
recovery-codes-text = Each of these codes signs you in once when the app is not at hand. They are shown only now: keep them where you keep other important papers.
recovery-codes-kept = I have kept them
recovery-codes-renew-title = Make new recovery codes
recovery-codes-renew-text = The earlier codes will no longer work.

team-title = Team
team-nobody = Nobody is in the team of this workspace yet. Administrators may enter it all the same.
team-you = you
team-role = Role
team-until = Last day, for the support
team-last-seen = last here:
team-remove = End access
team-invitations = Invited, not here yet
team-expires = The link works until
team-withdraw = Withdraw
team-invite = Invite somebody
team-invite-what = You get a link to send them. It is for this address alone, works once and ends after a week. The support reads until the day that you choose, and exports nothing.
team-invite-button = Make the link
team-invited = Send this link to { $address }. It is shown only now:

provider-button = Sign in with { $label }
provider-code-text = You have a second factor here, which your identity provider does not replace.
provider-back = Back to the sign-in page
