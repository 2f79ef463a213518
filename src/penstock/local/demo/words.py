"""Words of the demo data: invented places and people, and texts that formats stumble over."""

PLACE_BEGINNINGS = (
    "Alder", "Bram", "Corve", "Dray", "Elver", "Farrow", "Gild", "Hazel", "Ivel", "Juniper",
    "Kest", "Larken", "Mallow", "Nether", "Osier", "Pellow", "Quill", "Rowan", "Sedge", "Tarn",
)  # fmt: skip
PLACE_ENDINGS = (
    "bridge", "combe", "den", "ey", "fold", "garth", "holt", "ings", "ley", "mere",
    "ness", "over", "pool", "rigg", "stead", "thwaite", "vale", "wick", "worthy", "yard",
)  # fmt: skip
PLACES = tuple(f"{beginning}{ending}" for ending in PLACE_ENDINGS for beginning in PLACE_BEGINNINGS)

AREA_KINDS = (
    "Old Town", "Market Place", "High Street", "Church Lane", "Canal Basin", "Mill Quarter",
    "Station Road", "The Green", "Garden Suburb", "St Anselm's", "Upper Wharf", "“The Lanes”",
)  # fmt: skip

FAR_NAMES = (
    "Παλιά Πόλη", "Старый город", "المدينة القديمة", "老城区", "旧市街", "Tŷ'r Ddôl", "העיר העתיקה",
    "पुराना शहर", "Łódka Stara", "Ærøhavn", "Gül Çeşme", "Cafe\N{COMBINING ACUTE ACCENT} Row",
    "Harbour 🛶 Steps", "Family \N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL} Green", "𐌲𐌿𐍄𐌰",
)  # fmt: skip
"""Greek, Cyrillic, Arabic, Chinese, Japanese, Welsh and more; the last ones need four bytes."""

NOTES = (
    'Known locally as "The Shambles"', "Walls, railings and gates", "First line\nsecond line",
    'He said: "no change", then left\r\nand came back', "=1+1", '=HYPERLINK("#A1","see plan")',
    "+44 boundary points", "-5 plots since the last review", "@ward meeting", "\tindented",
    "007", "00123", "1e5", "NULL", "NA", "null", "N/A", "-", "true", "2024-02-30", " padded ",
    "semicolon; pipe | tab\there", "100%", "a\\b\\n", "'quoted'", "<b>bold</b> & more", "Δ 3.5 ha",
    'ends with a quote"', '"', ",", "Ωmega, “curly”", "line separator\u2028inside",
    '{"a": [1, 2]}',
)  # fmt: skip
"""Quotes, delimiters, line ends, formulas of a spreadsheet, and what looks like another type."""

GIVEN_NAMES = (
    "Asha", "Bryn", "Carys", "Dmitri", "Eilidh", "Femi", "Grzegorz", "Hana", "Íñigo", "Jorunn",
    "Kofi", "Leïla", "Mairéad", "Nnamdi", "Ottilie", "Priya", "Quentin", "Rūta", "Søren", "Thuý",
)  # fmt: skip
FAMILY_NAMES = (
    "Aldermoor", "Brackenbury", "Cwmgarw", "D'Estuaire", "Eastwater", "Fennimore", "Gullbrand",
    "Harrowgate", "Inkpenny", "Jessamy", "Kittiwake", "Lanternfield", "Mossop-Grey", "Nightingall",
    "O'Larkin", "Penhallow", "Quarrington", "Rushbrooke", "Saltmarsh", "Thistlewood",
)  # fmt: skip

SHIPS = (
    "Amber Tern", "Blue Heron", "Café del Mar", "Dauntless", "Étoile du Nord", "Fair Isle",
    "Grey Seal", "Haf", "Ἀργώ", "Jùnhé", "Kittiwake", "Liberty, Jr", 'Morning "Glory"', "Naïad",
    "Ørn", "Petrel", "Queen of Sheba", "Regnbåge", "Звезда", "Tern II", "海鸥",
)  # fmt: skip
FLAGS = ("NL", "GB", "NO", "PA", "LR", "NA", "MT", "SG", "DK", "")
"""“NA” is Namibia's code and no null."""
CARGOES = ("grain", "timber", "salt", "containers", "slate", "fish", None)
RIVERS = ("Corve", "Elver Water", "Great Sedge", "Afon Ddôl", "Mallowburn")
