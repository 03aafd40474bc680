# Emails at the desk: the gallery of ready ones, revisions, pictures, and help in the editor.

gallery-announcement = Announcement
gallery-broken = The ready email “{ $name }” cannot be read.
gallery-event = Event
gallery-from = Begin with a ready email
gallery-list = News
gallery-look = Look
gallery-newsletter = Newsletter
gallery-re-engagement = Re-engagement
gallery-receipt = Receipt
gallery-sale = Sale
gallery-sender = Name the sender with --from: no campaign is there yet to take it from.
gallery-survey = Survey
gallery-title = Ready emails
gallery-unknown = There is no ready email “{ $name }”. There are: { $known }.
gallery-use = Use this email
gallery-used = The draft begins with the ready email “{ $name }”.
gallery-welcome = Welcome
gallery-what = Each begins a draft, in your colour and with your name. You change every word.
revision-gone = This revision is not there any more.
revisions-automatic = saved by itself
revisions-by = Saved by
revisions-change = What it changed
revisions-compare = Compare
revisions-compared = From { $from } to { $to }
revisions-none = Nothing was saved yet.
revisions-now = now
revisions-open = Earlier versions
revisions-restore = Restore
revisions-restored = Restored. What it was before is still among the versions.
revisions-same = There is no difference.
revisions-saved = Saved
revisions-skipped = { $count ->
    [one] … { $count } line
   *[other] … { $count } lines
  }
revisions-title = Versions of “{ $name }”
revisions-what = The last 50 versions are kept; where there are more, those saved close together go first. What is restored becomes the newest version.
revisions-with-now = Compare with now
draft-state-conflict = Not saved: somebody else has changed it.
draft-state-dirty = Changed, not saved yet
draft-state-kept = Kept in this browser only:
draft-state-offline = The server does not answer. Kept in this browser.
draft-state-saved = Saved
draft-state-saving = Saving …
campaign-restored = “{ $name }” is what it was in that version.
draft-lines = Lines with a mistake
draft-picker = Insert a value or a condition
draft-picker-conditions = Conditions
draft-picker-tags = Values
draft-picker-what = Put the cursor where it belongs, then choose. Replace … by your words: the fallback is for people without a value.
preview-all = Desktop and phone
preview-dark = Dark
preview-desktop = Desktop
preview-images-off = Without pictures
preview-light = Light
preview-phone = Phone
preview-text = Plain text
preview-views = Ways to look at it
media-add = Upload
media-alt = Alternative text
media-alt-all = Alternative text: what is to be seen, for those who do not see it
media-alt-missing = Say what is to be seen, or tick that the picture is decorative.
media-decorative = Decorative: it says nothing that the text does not
media-describe = Save the text
media-files = Files: choose some, or drop them here
media-none = There are no pictures yet.
media-nothing = Choose a file first.
media-open = Upload and describe pictures
media-refused = { $name }: { $why }
media-remove = Remove
media-remove-anyway = Remove it from these emails too
media-title = Pictures
media-undescribed = To be described
media-what = PNG, JPEG, GIF or WebP. Each is made narrow enough for emails, and place, time and camera are removed from it. Whoever has its address can see it.
picture-animation = A moving GIF may have { $limit } MB: mail programs load it whole. Make it shorter or smaller.
picture-broken = The file is damaged, or is no picture. Open it, save it again and try once more.
picture-gone = This picture is not there any more.
picture-kind = This is no picture that mail programs show. Save it as PNG or JPEG.
picture-large = The file has more than { $limit } MB. Save the picture smaller.
picture-many = The workspace has { $limit } pictures. Remove some first.
picture-moving-webp = Mail programs show no moving WebP. Save it as GIF.
picture-pixels = The picture has { $width } × { $height } pixels, more than { $limit } million. Save it smaller.
picture-svg = SVG can hold programs, and mail programs do not show it. Save the picture as PNG.
picture-used = The picture is used by { $count ->
    [one] a campaign
   *[other] { $count } campaigns
  }: { $campaigns }. Without it, also messages that were sent show its alternative text only.
draft-mjml = <mjml> <mj-body> <mj-section> <mj-column> <mj-text>Write your news here.</mj-text> </mj-column> </mj-section> </mj-body> </mjml>
mjml-attribute = Line { $line }: an element lacks the attribute “{ $what }”.
mjml-element = Line { $line }: “{ $what }” may not stand here.
mjml-end = Line { $line }: the MJML ends too early; an element is not closed.
mjml-include = Line { $line }: mj-include loads other files and is not possible here. Write the content itself.
mjml-root = Line { $line }: MJML begins with <mjml>.
mjml-wrong = Line { $line }: the MJML is wrong at “{ $what }”.
clicks-denominator = { $count ->
    [one] The shares are of one message in which a link was followed.
   *[other] The shares are of { $count } messages in which a link was followed.
  } Programs that check links are counted like people.
clicks-messages = Messages
clicks-no-picture = The email cannot be shown with invented values.
clicks-open = Clicks on the email
clicks-share = Share
clicks-title = Clicks on “{ $name }”
clicks-total = All clicks
clicks-unmeasured = Nothing was measured for this campaign.
lint-client = “{ $construct }” is not shown by: { $clients }. See that the email is fine without it.
lint-subject-phone = The subject has { $length } characters; phones show about { $shown }. What matters should stand first.
link-certificate = The certificate of the server is not valid.
link-private = Not asked: a private network, or an unusual port
link-reached = Fine ({ $status })
link-refused = The page is not there ({ $status })
link-silent = The server does not answer.
link-unresolved = There is no such server.
links-again = Check again
links-check = Check the links
links-found = Found
links-none = The email has no links that are the same for everyone.
links-title = Links of “{ $name }”
links-unchecked = { $count ->
    [one] One link was not asked: it has a value of the recipient.
   *[other] { $count } links were not asked: they have values of the recipient, or there are too many.
  }
mjml-open = Line { $line }: “{ $what }” is not closed, or something in it is not.
draft-picker-segments = Conditions of segments
draft-damaged = What was typed into this draft cannot be read any more.
draft-kept = Kept as you typed it. The campaign is not sent, tested or scheduled until the mistake is mended; the preview shows what was right last.
draft-state-signed-out = You are signed out. Sign in in another tab; what you typed is kept here and saved then.
draft-state-unfinished = Kept as typed, with a mistake:
draft-unfinished = The draft of “{ $name }” was kept with a mistake. Open its email and mend it first.
