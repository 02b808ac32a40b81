"""Addresses of saved messages, SMS, the sandbox inbox, deliveries and providers."""

from django.urls import path

from messaging.hooks import views as hooks
from messaging.views import (
    apps,
    coupons,
    deliveries,
    domains,
    phone_lists,
    public,
    rules,
    sandbox,
    saved_messages,
    short_codes,
    sms_messages,
    streams,
    suppressions,
)

LIST = "a/<slug:account>/lists/<int:list_id>/"
SAVED = f"{LIST}messages/"
SMS = f"{LIST}sms/"
PHONES = f"{SMS}phone-lists/<int:phone_list_id>/"
TEXT = f"{SMS}messages/<int:message_id>/"
COUPONS = f"{LIST}coupons/"
POOL = f"{COUPONS}<int:pool_id>/"
CODES = f"{POOL}codes/<int:import_id>/"
CODE = f"{SMS}short-codes/<int:short_code_id>/"
PHONE = f"{CODE}phones/<int:phone>/"
RULES = "a/<slug:account>/sending-rules/"
SUPPRESSIONS = "a/<slug:account>/suppressions/"
APPS = "a/<slug:account>/integrations/apps/"
APP = f"{APPS}<int:provider_id>/"

app_name = "messaging"
urlpatterns = [
    # Recipients': `messaging.tracking.links` writes them into messages.
    path("m/u/<str:token>", public.leave, name="public_unsubscribe"),
    path("m/p/<str:token>", public.preferences, name="public_preferences"),
    path("m/b/<str:token>", public.in_browser, name="public_message"),
    path("m/c/<str:token>", public.confirm, name="public_confirm"),
    path(SAVED, saved_messages.saved_messages, name="saved_messages"),
    path(f"{SAVED}new/", saved_messages.new_message, name="new_message"),
    path(f"{SAVED}preview/", saved_messages.preview, name="preview_email"),
    path(f"{SAVED}preview/words/", saved_messages.preview_words, name="preview_email_words"),
    path(f"{SAVED}<int:message_id>/", saved_messages.message, name="message"),
    path(f"{SAVED}<int:message_id>/html/", saved_messages.message_html, name="message_html"),
    path(f"{SAVED}<int:message_id>/test/", saved_messages.test_message, name="test_message"),
    path(f"{SAVED}<int:message_id>/copy/", saved_messages.copy_message, name="copy_message"),
    path(f"{SAVED}<int:message_id>/delete/", saved_messages.delete_message, name="delete_message"),
    path(SMS, short_codes.sms, name="sms"),
    path(f"{SMS}preview/", sms_messages.preview, name="preview_sms"),
    path(f"{SMS}short-codes/new/", short_codes.new_short_code, name="new_short_code"),
    path(f"{SMS}short-codes/<int:short_code_id>/", short_codes.short_code, name="short_code"),
    path(
        f"{SMS}short-codes/<int:short_code_id>/phone-lists/new/",
        phone_lists.new_phone_list,
        name="new_phone_list",
    ),
    path(PHONES, phone_lists.phone_list, name="phone_list"),
    path(f"{PHONES}edit/", phone_lists.edit_phone_list, name="edit_phone_list"),
    path(f"{PHONES}subscribers/", phone_lists.subscribe, name="subscribe_phone"),
    path(f"{PHONES}opt-outs/", phone_lists.unsubscribe, name="unsubscribe_phone"),
    path(f"{PHONES}messages/new/", sms_messages.new_sms_message, name="new_sms_message"),
    path(TEXT, sms_messages.sms_message, name="sms_message"),
    path(f"{TEXT}test/", sms_messages.test_sms_message, name="test_sms_message"),
    path(f"{TEXT}delete/", sms_messages.delete_sms_message, name="delete_sms_message"),
    path(f"{LIST}sandbox/", sandbox.inbox, name="sandbox"),
    path(f"{LIST}sandbox/replies/", sandbox.reply, name="sandbox_reply"),
    path(f"{LIST}sandbox/mail/<int:sandbox_id>/", sandbox.mail, name="sandbox_mail"),
    path(f"{LIST}sandbox/mail/<int:sandbox_id>/opened/", sandbox.opened, name="sandbox_opened"),
    path(f"{LIST}sandbox/<int:sandbox_id>/clicked/", sandbox.clicked, name="sandbox_clicked"),
    path(f"{LIST}sandbox/mail/<int:sandbox_id>/html/", sandbox.mail_html, name="sandbox_html"),
    path(f"{LIST}sandbox/mail/<int:sandbox_id>/raw/", sandbox.mail_raw, name="sandbox_raw"),
    path(COUPONS, coupons.coupons, name="coupons"),
    path(f"{COUPONS}new/", coupons.new_pool, name="new_coupon_pool"),
    path(POOL, coupons.coupon_pool, name="coupon_pool"),
    path(f"{POOL}edit/", coupons.edit_pool, name="edit_coupon_pool"),
    path(f"{POOL}codes/", coupons.add_codes, name="add_coupon_codes"),
    path(CODES, coupons.coupon_file, name="coupon_file"),
    path(f"{CODES}problems/", coupons.coupon_problems, name="coupon_problems"),
    path(f"{LIST}deliveries/", deliveries.deliveries, name="deliveries"),
    path(f"{LIST}deliveries/settle/", deliveries.settle, name="settle_deliveries"),
    path("a/<slug:account>/sender-domains/", domains.sender_domains, name="sender_domains"),
    path(
        "a/<slug:account>/sender-domains/<str:domain>/",
        domains.sender_domain,
        name="sender_domain",
    ),
    path(f"{SMS}received/", streams.inbox, name="sms_inbox"),
    path(f"{CODE}replies/", streams.replies, name="sms_replies"),
    path(PHONE, streams.stream, name="sms_stream"),
    path(f"{PHONE}answers/", streams.answer, name="sms_answer"),
    path(f"{PHONE}consents/", streams.evidence, name="sms_evidence"),
    path(f"{LIST}audience/", rules.audience, name="audience"),
    path(RULES, rules.sending_rules, name="sending_rules"),
    path(f"{RULES}caps/", rules.new_cap, name="new_cap"),
    path(f"{RULES}caps/<int:cap_id>/remove/", rules.drop_cap, name="drop_cap"),
    path(SUPPRESSIONS, suppressions.suppressions, name="suppressions"),
    path(f"{SUPPRESSIONS}new/", suppressions.add_suppressions, name="add_suppressions"),
    path(f"{SUPPRESSIONS}deactivated/", suppressions.add_deactivations, name="add_deactivations"),
    path(
        f"{SUPPRESSIONS}<int:suppression_id>/remove/",
        suppressions.release_suppression,
        name="release_suppression",
    ),
    path(f"{SUPPRESSIONS}files/<int:import_id>/", suppressions.address_file, name="address_file"),
    path(
        f"{SUPPRESSIONS}files/<int:import_id>/problems/",
        suppressions.address_problems,
        name="address_problems",
    ),
    path("hooks/<slug:kind>/<slug:key>/", hooks.hear, name="hook"),
    path(APPS, apps.apps, name="apps"),
    path(f"{APP}test/", apps.test_app, name="test_app"),
    path(f"{APP}pause/", apps.pause_app, name="pause_app"),
    path(f"{APP}resume/", apps.resume_app, name="resume_app"),
    path(f"{APP}default/", apps.default_app, name="default_app"),
    path(f"{APP}disconnect/", apps.disconnect_app, name="disconnect_app"),
    path(f"{APPS}restore/", apps.restore_app, name="restore_app"),
    path(f"{APPS}<slug:channel>/<slug:kind>/", apps.app, name="app"),
]
