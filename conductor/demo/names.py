"""Names, area codes and zones from which shoppers are made; the numbers are 555-01xx."""

# Frequent first: the n-th is taken with a weight of 1 / (n + 8), as in real populations.
FIRST_NAMES = (
    *("Mary", "James", "Linda", "Robert", "Maria", "John", "Jennifer", "Michael", "Ana"),
    *("David", "Susan", "William", "Sarah", "Carlos", "Karen", "Joseph", "Nancy", "Thomas"),
    *("Lisa", "Daniel", "Betty", "Luis", "Sandra", "Mark", "Ashley", "Anthony", "Emily"),
    *("Steven", "Kim", "Andrew", "Donna", "Joshua", "Michelle", "Kevin", "Carol", "Brian"),
    *("Amanda", "Jorge", "Melissa", "Edward", "Deborah", "Ronald", "Stephanie", "Jason"),
    *("Rebecca", "Ryan", "Laura", "Jacob", "Helen", "Gary", "Sharon", "Nicholas", "Cynthia"),
    *("Eric", "Kathleen", "Jonathan", "Amy", "Wei", "Angela", "Justin", "Priya", "Brandon"),
    *("Ruth", "Samuel", "Olivia", "Omar", "Fatima", "Zoë", "Noah", "Grace", "Hannah", "Mei"),
)
LAST_NAMES = (
    *("Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis"),
    *("Rodriguez", "Martinez", "Hernandez", "Lopez", "Gonzalez", "Wilson", "Anderson"),
    *("Thomas", "Taylor", "Moore", "Jackson", "Martin", "Lee", "Perez", "Thompson", "White"),
    *("Harris", "Sanchez", "Clark", "Ramirez", "Lewis", "Robinson", "Walker", "Young"),
    *("Allen", "King", "Wright", "Scott", "Torres", "Nguyen", "Hill", "Flores", "Green"),
    *("Adams", "Nelson", "Baker", "Hall", "Rivera", "Campbell", "Mitchell", "Carter"),
    *("Roberts", "Gomez", "Phillips", "Evans", "Turner", "Diaz", "Parker", "Cruz"),
    *("Edwards", "Collins", "Reyes", "Stewart", "Morris", "Morales", "Murphy", "Cook"),
    *("Rogers", "Gutierrez", "Ortiz", "Morgan", "Cooper", "Peterson", "Bailey", "Reed"),
    *("Kelly", "Howard", "Ramos", "Kim", "Cox", "Ward", "Richardson", "Watson", "Brooks"),
    *("Chavez", "Wood", "James", "Bennett", "Gray", "Mendoza", "Ruiz", "Hughes", "Price"),
    *("Patel", "O'Brien", "Núñez", "Chen", "Schmidt"),
)
# Zone -> area codes; each has the hundred numbers 555-0100 to 555-0199, which nobody has.
_AREA_CODES = {
    "America/New_York": (
        "201 202 203 207 212 215 216 239 240 248 267 301 302 305 313 315 321 330 336 339 401 "
        "404 407 410 412 413 419 434 440 443 470 475 478 484 508 513 516 518 540 551 561 570 "
        "585 586 603 607 609 610 614 617 631 646 678 703 704 706 716 717 718 724 727 732 734 "
        "740 754 757 770 772 774 781 786 802 803 804 813 814 828 843 845 848 856 857 859 860 "
        "862 863 864 904 908 910 912 914 917 919 937 941 954 973 978 980"
    ),
    "America/Chicago": (
        "205 214 217 218 224 225 228 251 254 262 281 309 312 314 316 318 319 320 361 402 405 "
        "409 414 417 430 469 479 501 504 507 512 515 563 573 580 601 608 612 615 618 620 630 "
        "636 651 660 662 682 708 712 713 715 763 773 785 806 815 816 817 830 832 847 901 903 "
        "913 918 920 936 940 952 956 972 979 985"
    ),
    "America/Denver": "303 307 385 406 435 505 575 719 720 801 970 208",
    "America/Los_Angeles": (
        "206 209 213 253 310 323 360 408 415 425 503 509 510 530 541 559 562 619 626 650 661 "
        "702 707 714 760 775 805 818 831 858 909 916 925 949 951 971"
    ),
}
AREA_CODES = {zone: codes.split() for zone, codes in _AREA_CODES.items()}
MAIL_DOMAINS = ("mail.example", "post.example", "inbox.example", "family.example")
STYLES = ("Running", "Casual", "Formal", "Outdoor")
SHOES = (
    *("Swift Runner", "Trail Hound", "City Loafer", "Harbor Boat Shoe", "Oxford Street"),
    *("Canvas Low", "Canvas High", "Alpine Boot", "Rain Chelsea", "Court Classic"),
    *("Marathon Light", "Desert Boot", "Garden Clog", "Ballet Flat", "Evening Pump"),
    *("Kids Sprint", "Kids Velcro", "Summer Sandal", "Beach Slide", "Winter Moon Boot"),
    *("Work Steel Toe", "Barefoot Flex", "Tennis Pro", "Derby Brown"),
)
