"""Names and sentences of an invented builder's jobs, so that records read like a real site."""

from __future__ import annotations

COMPANIES = (("Northgate Builders", "northgate"), ("Bayline Constructors", "bayline"))
PROJECTS = (
    (
        ("24-017", "Harbor Medical Center", "Austin", "TX"),
        ("25-004", "Riverside Elementary School", "Round Rock", "TX"),
    ),
    (("B-301", "Pier 9 Logistics Hub", "Oakland", "CA"),),
)
SANDBOX = ("1234", "1234 – Sandbox Test Project", "Carpinteria", "CA")
PEOPLE = (
    ("Pat", "Moreno", "Project Manager", 0),
    ("Ana", "Ruiz", "Architect", 1),
    ("Kim", "Oduya", "Superintendent", 2),
    ("Lee", "Park", "Foreman", 4),
    ("Maya", "Lindqvist", "Project Engineer", 0),
    ("Omar", "Haddad", "Project Executive", 0),
    ("Tess", "Okafor", "Safety Manager", 0),
    ("Jonas", "Weiss", "Structural Engineer", 5),
    ("Priya", "Nair", "MEP Coordinator", 0),
    ("Carlos", "Vega", "Electrical Foreman", 3),
    ("Ruth", "Amsel", "Owner's Representative", 6),
    ("Dana", "Whitfield", "Project Accountant", 0),
    ("Eli", "Santos", "Plumbing Foreman", 7),
    ("Noor", "Bakshi", "Quality Manager", 0),
)
SANDBOX_PEOPLE = (
    ("Test", "Architect", "Architect", 1),
    ("Test", "Subcontractor", "Foreman", 2),
    ("API", "Support", "", 0),
)
VENDORS = (
    ("", "", "General Contractor"),
    ("Ruiz Hale Architects", "RHA", "Architecture"),
    ("Lone Star Concrete", "LSC", "Concrete"),
    ("Volt Electric", "VOLT", "Electrical"),
    ("Plane Drywall", "PLANE", "Drywall"),
    ("Weiss Structural", "WS", "Engineering"),
    ("Harbor Health Trust", "HHT", "Owner"),
    ("Clearwater Plumbing", "CWP", "Plumbing"),
    ("Summit Glazing", "SUM", "Glazing"),
    ("Ironwood Steel", "IWS", "Structural Steel"),
)
LOCATIONS = ("Level 1", "Level 2", "Level 3", "Roof", "Basement", "East Wing", "Loading Dock", "Courtyard")
SECTIONS = (
    ("03 30 00", "CAST-IN-PLACE CONCRETE"),
    ("05 12 00", "STRUCTURAL STEEL FRAMING"),
    ("07 21 00", "THERMAL INSULATION"),
    ("08 44 13", "GLAZED ALUMINUM CURTAIN WALLS"),
    ("09 29 00", "GYPSUM BOARD"),
    ("22 11 16", "DOMESTIC WATER PIPING"),
    ("23 31 13", "METAL DUCTS"),
    ("26 05 19", "LOW-VOLTAGE ELECTRICAL POWER CONDUCTORS"),
)
COST_CODES = (
    ("01-100", "Project Manager"),
    ("01-500", "Temporary Facilities"),
    ("03-300", "Footings"),
    ("03-350", "Slab on Grade"),
    ("05-120", "Structural Steel"),
    ("08-440", "Curtain Wall"),
    ("09-290", "Drywall"),
    ("22-110", "Plumbing Rough-in"),
    ("23-310", "Ductwork"),
    ("26-050", "Electrical Rough-in"),
)
QUESTIONS = (
    ("Beam pocket depth at grid C4", "How deep is the pocket at C4? Detail 5/S301 and the schedule differ."),
    ("Door 204B fire rating", "The door schedule says 60 minutes, the code plan 90. Which governs?"),
    (
        "Conflict of duct and steel at L2 corridor",
        "The main supply runs through W16x31 at grid 7. May we offset?",
    ),
    ("Anchor bolt size at canopy", "Please confirm 3/4 inch anchors at the canopy base plates."),
    ("Slab edge dimension at stair 2", "The slab edge is not dimensioned on A-212. Please provide it."),
    ("Floor drain location in room 118", "Plumbing shows two drains, the equipment plan one."),
    ("Curtain wall anchor embed spacing", "Embeds at 5 ft on S-410, at 4 ft in the shop drawings."),
    ("Paint finish in public restrooms", "The finish schedule lists P-4, which is not in the legend."),
    ("Waterproofing at elevator pit", "Is the membrane required below the pit slab?"),
    ("Generator pad reinforcement", "No reinforcement is shown for the generator pad."),
    ("Ceiling height in imaging suite", "The vendor needs 9 ft 6 in clear, the plan gives 9 ft."),
    ("Roof hatch relocation", "May the hatch move 4 ft east to clear the unit curb?"),
)
SUBMITTALS = (
    "Mix design 4000 psi", "Reinforcing shop drawings", "Structural steel shop drawings", "Batt insulation",
    "Curtain wall system", "Gypsum board and accessories", "Domestic water piping", "Duct details",
    "Building wire and cable", "Fire stopping systems",
)  # fmt: skip
PUNCHES = (
    "Patch drywall room 204", "Touch up paint at stair 1", "Adjust door closer 118A", "Replace cracked tile",
    "Seal penetration at L2 corridor", "Clean glazing at east elevation", "Install missing cover plate",
    "Align ceiling grid in room 310", "Repair damaged corner guard", "Secure loose handrail",
)  # fmt: skip
OBSERVATIONS = (
    ("Missing guardrail", "Safety"), ("Unprotected floor opening", "Safety"),
    ("Honeycombing at column B2", "Quality"),
    ("Housekeeping at level 2", "Safety"), ("Anchor bolts out of tolerance", "Quality"),
    ("Extension cord damaged", "Safety"), ("Incomplete weld at connection", "Quality"),
    ("Blocked exit path", "Safety"),
)  # fmt: skip
CHANGES = (
    "Relocate outlets", "Add roof drain", "Owner requested finish upgrade", "Unforeseen rock at footing F7",
    "Extra fire dampers", "Revised door hardware", "Added data drops in imaging suite", "Winter protection",
)  # fmt: skip
MEETINGS = ("Owner Architect Contractor Meeting", "Subcontractor Coordination", "Safety Meeting")
WORK = (
    "Footings",
    "Forming walls",
    "Rough-in level 1",
    "Hanging board",
    "Setting steel",
    "Pulling wire",
    "Grading",
)
