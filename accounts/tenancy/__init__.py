"""
Tenancy: PostgreSQL refuses another account's rows, not only Python.

Every table with `account_id` has a forced policy that compares it with the setting
`app.account_id` of the transaction; unset means no rows at all. `in_account` is the one
way to set it. What has to see several accounts goes through the SECURITY DEFINER
functions of `accounts.tenancy.lookups`, which return ids only:

* `lookup_accounts_of_user(user_id)`: whose member is this user?
* `lookup_account_by_slug(slug)`: which account does this address name?
* `lookup_api_client(client_id)`, `lookup_api_token(token_hash)`: whose credentials?
* `lookup_accounts()`: all accounts, for the daily housekeeping
* `lookup_due_accounts(now, limit)`: who has due enrollments or alarms, queued intake, segments to look at?
* `lookup_sending_accounts(now, limit, urgent)`: who has messages to send in this lane?
* `lookup_import_accounts()`: who has an import to run?
* `lookup_calling_accounts(now, limit)`: who has webhook calls to make?
* `lookup_notice_accounts()`: who wants mails about a step's messages?
* `lookup_lags(now, limit)`: who waits longest, for how long?
* `lookup_oldest_entry()`: since when is somebody inside? Retention drops nothing later
* `lookup_work_done()`, `lookup_queues()`, `lookup_delivery_states()`: totals over all accounts, for /metrics
"""

from accounts.tenancy.account import OtherAccountError, current_account_id, in_account

__all__ = ["OtherAccountError", "current_account_id", "in_account"]
