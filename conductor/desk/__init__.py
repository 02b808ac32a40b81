"""
Pages that look across all apps: home, a contact's page, search, the ids for the API.

They stand above the apps, since nobody below may call up: a contact's page shows what
conversations and messages did, and neither is known to contacts.
"""
