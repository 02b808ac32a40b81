"""
What a text from a phone means: words in English, French and Spanish that everybody has.

STOP words are those of the CTIA's handbook, of the FCC's rule on revoking consent
(47 CFR 64.1200(a)(10), in force since 2025-04-11) and their French and Spanish forms; a
short code may have more of its own.
"""

import re
import unicodedata

STOP = frozenset(
    {
        *("STOP", "STOPALL", "STOP ALL", "STOP PLEASE", "PLEASE STOP", "END", "CANCEL"),
        *("UNSUBSCRIBE", "QUIT", "LEAVE", "REVOKE", "OPTOUT", "OPT OUT", "REMOVE ME"),
        *(
            "FIN",
            "ARRET",
            "ARRETER",
            "ARRETEZ",
            "ANNULER",
            "QUITTER",
            "DESABONNER",
            "DESABONNEMENT",
        ),
        *("ALTO", "PARAR", "PARE", "BAJA", "CANCELAR", "SALIR", "DETENER", "TERMINAR"),
    }
)
START = frozenset(
    {"START", "UNSTOP", "RESUBSCRIBE", "COMMENCER", "REPRENDRE", "INICIAR", "COMENZAR"}
)
HELP = frozenset({"HELP", "INFO", "AIDE", "AYUDA", "INFORMACION"})
YES = frozenset({"Y", "YES", "YEP", "YEAH", "OK", "OUI", "O", "SI", "S", "CONFIRM", "ACCEPT"})
LONGEST_KEYWORD = 20


def bare(text: str) -> str:
    """Return a text in capitals, without accents and punctuation at its ends, blanks as one."""
    plain = unicodedata.normalize("NFKD", text[:200])
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = re.sub(r"[\s\u200b-\u200d\ufe0f]+", " ", letters)
    return re.sub(r"^[\W_]+|[\W_]+$", "", words).upper()
