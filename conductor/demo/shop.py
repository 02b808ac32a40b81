"""What the demo shop has drawn and written: its conversation file, and a draft beside it."""

from random import Random

LIST = "Transactional"
SHORT_CODE = "54321"
PHONE_LIST = "Transactional"
CONSENT_SOURCE = "Checkout at acme-shoes.example"
CONSENT_TEXT = (
    "Yes, text me about my orders and offers for me. Message and data rates may apply. "
    "Reply STOP to opt out, HELP for help."
)
WINBACK_CHECK = "Winback Check"
ORDER_IMPORTED = "Order Imported"
# How somebody came to the list: a welcome conversation asks which of them it was.
SUBSCRIBED = ("Pop-up Subscribed", "Checkout Subscribed")
POOL = "Welcome 10% off"
CODES = 500
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
FIELDS = {
    "Profile": {
        "Mobile": "Text",
        "Birthday": "Date",
        "Shoe size": "Numeric",
        "Favorite style": "Text",
        "Entered on": "Date",
        "Welcome code": "Text",
    },
    "Preferences": {"Text club": "CheckBox", "Frequent shopper": "CheckBox"},
}

POST_PURCHASE = """
conversation: Post Purchase
description: Brings back shoppers who have not ordered for two months.
list: Transactional
reentry: {after: P90D}
threads:
  - thread: Winback
    steps:
      - key: start
        trigger: {external_event: Winback Check}
      - key: lapsed
        name: No order in 60 days
        filter: {not: {purchase: {within: P60D}}}
      - key: text
        name: Winback text
        mobile_message:
          short_code: "54321"
          phone_list: Transactional
          sms_message: Winback text
          phone_field: Profile.Mobile
      - key: pause
        wait: {for: P3D}
      - key: reminder
        name: We miss you
        message: {saved_message: We miss you}
      - key: end
        terminate: {}
messages:
  - saved_message: We miss you
    subject: "{{ contact.first_name or 'Hello' }}, your feet miss us"
    preheader: 15% off your next pair, until Sunday.
    from_name: Acme Shoes
    from_email: hello@acme-shoes.example
    reply_to: service@acme-shoes.example
    mjml: |
      <mjml>
        <mj-head>
          <mj-attributes>
            <mj-all font-family="Georgia, 'Times New Roman', serif" />
            <mj-text font-size="16px" line-height="26px" color="#3b3a36" />
          </mj-attributes>
        </mj-head>
        <mj-body background-color="#f3efe6">
          <mj-section background-color="#1f4d3f" padding="28px 0">
            <mj-column>
              <mj-text align="center" color="#f3efe6" font-size="26px" letter-spacing="3px">ACME SHOES</mj-text>
            </mj-column>
          </mj-section>
          <mj-section background-color="#ffffff" padding="36px 24px 12px">
            <mj-column>
              <mj-text font-size="28px" line-height="36px" color="#1f4d3f">We miss you, {{ contact.first_name or 'friend' }}.</mj-text>
              <mj-text>It has been a while since your last pair. Soles wear down, seasons change, and we have kept your size {{ fields['Profile.Shoe size'] or '' }} in stock.</mj-text>
              <mj-text>Come back by Sunday and take <b>15% off</b> anything in the shop.</mj-text>
              <mj-button background-color="#d9622b" color="#ffffff" border-radius="24px" font-size="16px" inner-padding="14px 32px" href="https://acme-shoes.example/welcome-back">Show me new shoes</mj-button>
            </mj-column>
          </mj-section>
          <mj-section background-color="#ffffff" padding="0 24px 36px">
            <mj-column>
              <mj-divider border-width="1px" border-color="#e4dece" />
              <mj-text font-size="13px" line-height="20px" color="#7a766b">Free returns within 60 days. You get this email because you shop with us. <a href="https://acme-shoes.example/unsubscribe" style="color:#1f4d3f">Unsubscribe</a></mj-text>
            </mj-column>
          </mj-section>
        </mj-body>
      </mjml>
    text: |
      We miss you, {{ contact.first_name or 'friend' }}.

      Come back by Sunday and take 15% off anything in the shop:
      https://acme-shoes.example/welcome-back
sms_messages:
  - sms_message: Winback text
    text: "Acme Shoes: {{ contact.first_name or 'Hello' }}, it has been a while! 15% off your next pair: acme-shoes.example/back Reply STOP to opt out"
"""

NEW_SHOPPERS = """
conversation: New Shoppers
description: A draft; nobody enters before it is published.
list: Transactional
threads:
  - thread: First days
    steps:
      - key: start
        trigger: {list: subscribed}
      - key: hello
        name: Welcome to Acme Shoes
        message: {saved_message: Welcome}
      - key: week
        wait: {for: P7D}
      - key: ordered
        name: Has ordered
        filter: {purchase: {within: P7D}}
      - key: end
        terminate: {}
messages:
  - saved_message: Welcome
    subject: "Welcome, {{ contact.first_name or 'shopper' }}"
    preheader: What to expect from us.
    from_name: Acme Shoes
    from_email: hello@acme-shoes.example
    mjml: |
      <mjml>
        <mj-body background-color="#f3efe6">
          <mj-section background-color="#ffffff">
            <mj-column>
              <mj-text font-size="24px" color="#1f4d3f">Good to have you, {{ contact.first_name or 'shopper' }}.</mj-text>
              <mj-text font-size="16px" line-height="26px">We write when something you ordered moves, and now and then when there is something worth wearing.</mj-text>
            </mj-column>
          </mj-section>
        </mj-body>
      </mjml>
"""

# Messages that no conversation uses yet.
MAILS = (
    {
        "name": "Welcome with a coupon",
        "subject": "Welcome, {{ contact.first_name or 'shopper' }}: 10% off inside",
        "preheader": "Your code is good for your first pair.",
        "mjml": """<mjml>
  <mj-body background-color="#f3efe6">
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text font-size="24px" color="#1f4d3f">Good to have you, {{ contact.first_name or 'shopper' }}.</mj-text>
        <mj-text font-size="16px" line-height="26px">Take 10% off your first pair with the code</mj-text>
        <mj-text font-size="22px" letter-spacing="2px" color="#d9622b"><b>{{ fields['Profile.Welcome code'] }}</b></mj-text>
        <mj-button background-color="#d9622b" color="#ffffff" border-radius="24px" href="https://acme-shoes.example/new">Show me new shoes</mj-button>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>""",
    },
    {
        "name": "Happy birthday",
        "subject": "Happy birthday, {{ contact.first_name or 'shopper' }}",
        "preheader": "Something for the feet that carried you here.",
        "mjml": """<mjml>
  <mj-body background-color="#f3efe6">
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text font-size="24px" color="#1f4d3f">Happy birthday, {{ contact.first_name or 'shopper' }}!</mj-text>
        <mj-text font-size="16px" line-height="26px">All the best from everybody at Acme Shoes. Today we send any pair for free.</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>""",
    },
)


def codes() -> list[str]:
    """Return the coupon codes of the pool, the same each time."""
    random = Random(POOL)  # noqa: S311 (invented codes, not secrets)
    found = {f"WELCOME-{''.join(random.choices(ALPHABET, k=6))}": None for _ in range(CODES + 50)}
    return list(found)[:CODES]
