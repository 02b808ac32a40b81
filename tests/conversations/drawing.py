"""Random well-formed conversation files, as plain structure."""

from hypothesis import strategies as st

NAMES = st.sampled_from(
    ["We miss you", "on", "no", "2026-01-01", "Ä ö", "x: y", "50% # off", "null"]
)
TEXTS = NAMES | st.sampled_from(["Two\nlines", "Ends\n", " indented\nblock", "tab\there", "'\"\\"])
DURATIONS = st.sampled_from(["P1D", "PT24H", "P2W", "P1Y2M", "PT90M", "P3D"])
OFFSETS = st.sampled_from(["-P3D", "P1M", "P0D", "+P2D"])
ZONES = st.sampled_from(["account", "contact", "Europe/Berlin"])
MOMENTS = st.sampled_from(["2026-12-24", "2026-12-24T09:00", "2026-12-24T09:00:00+02:00"])
FIELDS = st.sampled_from(["Profile.Mobile", "Profile.Birthday", "Extra.Größe"])
RULES = st.recursive(
    st.sampled_from(
        [
            {"purchase": {"within": "P60D"}},
            {
                "purchase": {
                    "total": {"at_least": 1.5, "at_most": 100},
                    "since": "2026-01-01T00:00:00",
                }
            },
            {"field": "Profile.Mobile", "is": "on", "not_in": ["no", "2026-01-01"]},
            {"field": "Profile.Birthday", "anniversary_in": "P3D", "month": 2},
            {"subscription": {"state": "Subscribed", "within": "P1M"}},
        ]
    ),
    lambda inner: (
        st.fixed_dictionaries({"not": inner})
        | st.fixed_dictionaries({"all": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(inner, max_size=3)})
    ),
    max_leaves=6,
)
SENDS = st.fixed_dictionaries(
    {},
    optional={
        "quiet_hours": st.sampled_from(["defer", "skip"]),
        "unknown": st.sampled_from(["park", "resend"]),
    },
)


def optional(**settings):
    return st.fixed_dictionaries({}, optional=settings)


FACTS: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.fixed_dictionaries({"external_event": NAMES | st.lists(NAMES, max_size=3, unique=True)}),
    st.fixed_dictionaries(
        {"list": st.sampled_from(["subscribed", "resubscribed", "profile_updated"])}
    ),
    st.just({"import": True}),
    st.just({"none": True}),
    st.just({}),
)
WAITS = st.one_of(
    optional(**{"for": DURATIONS, "time_zone": ZONES}),
    st.fixed_dictionaries({"until": MOMENTS}),
    st.fixed_dictionaries(
        {
            "until_field": optional(
                field=FIELDS,
                offset=OFFSETS,
                at=st.sampled_from(["09:00", "23:59:59"]),
                year=st.sampled_from(["same", "next_occurrence"]),
            )
        }
    ),
)
LITERALS = st.sampled_from(
    [None, "on", "", 1, 1.5, True, "2026-01-01", {"from_field": "Profile.Mobile"}]
)
ACTIONS = st.one_of(
    st.fixed_dictionaries({"set_field": optional(field=FIELDS, value=LITERALS)}),
    st.fixed_dictionaries(
        {"set_date": optional(field=FIELDS, offset=OFFSETS, of=st.sampled_from(["step", "entry"]))}
    ),
    st.fixed_dictionaries(
        {
            "set_difference": optional(
                field=FIELDS, from_field=FIELDS, unit=st.sampled_from(["days", "weeks", "months"])
            )
        }
    ),
    st.fixed_dictionaries({"set_coupon": optional(pool=NAMES, field=FIELDS)}),
    st.fixed_dictionaries(
        {"random_group": optional(field=FIELDS, groups=st.integers(min_value=2, max_value=100))}
    ),
    st.fixed_dictionaries({"enroll": optional(conversation=NAMES, thread=NAMES)}),
    *(
        st.fixed_dictionaries({name: NAMES})
        for name in (
            "raise_event",
            "subscribe",
            "unsubscribe",
            "add_to_segment",
            "remove_from_segment",
        )
    ),
    st.just({}),
)
KINDS = {
    "filter": RULES | st.just({}),
    "go_to": optional(to=st.sampled_from(["a0", "a1", "b7"]), filter=RULES),
    "wait": WAITS,
    "message": optional(
        saved_message=NAMES, subject=TEXTS, transactional=st.booleans(), send=SENDS,
        from_email=st.just("shop@acme.example"),
    ),
    "mobile_message": optional(
        short_code=st.just("54321"), phone_list=NAMES, sms_message=NAMES, text=TEXTS,
        invalid_number=st.sampled_from(["pass", "terminate"]), send=SENDS,
    ),
    "action": ACTIONS,
    "terminate": optional(goal=st.booleans()),
    "trigger": st.tuples(FACTS, st.just({}) | st.fixed_dictionaries({"filter": RULES})).map(
        lambda parts: {**parts[0], **parts[1]}
    ) | st.just("none"),
}  # fmt: skip
EXITS = {"filter": "otherwise", "wait": "next", "go_to": "next", "message": "next"}


@st.composite
def steps(draw, key):
    kind = draw(st.sampled_from(sorted(KINDS)))
    step = {"key": key, kind: draw(KINDS[kind])}
    if draw(st.booleans()):
        step["name"] = draw(TEXTS)
    if kind in EXITS and draw(st.booleans()):
        step["exits"] = {EXITS[kind]: draw(st.sampled_from(["a0", "a1", "nowhere"]))}
    return step


@st.composite
def conversation_files(draw):
    """Draw a file; its order of keys is random, too."""
    threads = []
    for number in range(draw(st.integers(0, 3))):
        keys = [f"{'abc'[number]}{place}" for place in range(draw(st.integers(0, 4)))]
        threads.append({"steps": [draw(steps(key)) for key in keys], "thread": f"Thread {number}"})
    top = draw(
        optional(
            description=TEXTS,
            list=NAMES,
            campaign=NAMES,
            reentry=st.sampled_from(["once", "unlimited", {"after": "P90D"}]),
            time_zone=ZONES,
            expires=MOMENTS,
            while_in=st.just("refuse"),
            messages=st.lists(
                st.fixed_dictionaries({"saved_message": NAMES, "html": TEXTS}),
                max_size=2,
                unique_by=lambda entry: entry["saved_message"],
            ),
            sms_messages=st.lists(
                st.fixed_dictionaries({"text": TEXTS, "sms_message": NAMES}), max_size=1
            ),
            fields=st.lists(
                st.fixed_dictionaries({"field": FIELDS, "type": st.just("Text")}), max_size=1
            ),
            events=st.lists(NAMES, max_size=2, unique=True),
        )
    )
    return {"threads": threads, **top, "conversation": draw(NAMES)}
