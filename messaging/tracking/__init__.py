"""
Links of messages: written once per message, filled in per recipient, recorded when followed.

* `rules`: what an account and a list make of every email
* `plans`: a message's templates with its links, footer and pixel put in their places
* `links`: the short signed addresses, and what they lead to
* `machines`: who followed: a person, a mail program's proxy, a scanner
* `hits`: opens and clicks written down in groups, before they are answered

`messaging.views.door` answers opens and clicks, ahead of all other middleware.
"""
