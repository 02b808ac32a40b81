"""
The demo account: a shoe shop with a year behind it, so that every page has something to show.

`generator` invents shoppers and orders, `shop` holds what the shop has drawn and written,
`history` lives the year through the verbs of the domain, at the moments it happened, and
`account` finds the account again, or makes it, whatever a killed run has left.
"""
