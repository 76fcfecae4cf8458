"""The word inventory of the desk: shops, products, people, places, values.

Names, products and shops are put together from two short lists, so that a
held-out one is a new combination of words that training teaches (a model
trained from scratch knows no others). Which combinations are held out is
decided by their hash, see split.py.
"""

MATERIALS = """oak pine walnut steel glass copper leather cotton linen wool silk bamboo marble
ceramic plastic rubber canvas velvet brass silver cedar maple cherry stone metal fleece
paper wicker clay iron""".split()

COLORS = """black white red blue green gray yellow brown orange purple pink navy
gold beige tan violet""".split()

STYLES = """classic modern mini large small slim soft folding travel kids garden kitchen office outdoor
electric wireless smart digital heavy light portable winter summer sport round square tall short wide
long thin thick plain beach""".split()

NOUNS = """desk|lamp|chair|table|shelf|sofa|bed|mirror|clock|rug|blanket|pillow|curtain|kettle|toaster|blender|mixer|
pan|pot|knife|plate|bowl|mug|bottle|basket|box|bag|backpack|wallet|belt|jacket|shirt|sweater|dress|hat|scarf|
glove|boot|sandal|sneaker|watch|ring|necklace|phone case|charger|keyboard|mouse|monitor|printer|speaker|
headset|camera|tripod|router|tablet|tent|sleeping bag|bike|helmet|skateboard|ball|racket|yoga mat|dumbbell|
drill|hammer|ladder|hose|grill|heater|fan|vacuum|iron|notebook|pen|puzzle|board game|doll|toy train|stroller|
car seat|dog bed|cat tree|bird feeder|fish tank|planter|candle|vase|desk lamp|coffee maker|water filter|
rain coat|tool set|bread bin|tea pot|wall clock|bath mat|towel|soap dish|bench|stool|cabinet|drawer|
bookcase|coat rack|shoe rack|wine rack|mattress|cushion|carpet|door mat|picture frame|fork|spoon|cup|jar|bucket|broom|
sponge|oven|fridge|scale|timer|cutting board|lunch box|water bottle|coat|vest|sock|shoe|slipper|apron|umbrella|
suitcase|hand bag|laptop|laptop bag|radio|battery|flashlight|fishing rod|surf board|saw|shovel|rake|air pump|tool box|
bird house|flower pot|teddy bear|kite|drum|guitar|piano|calendar|pencil|desk chair|floor lamp|
night light""".replace("\n", "").split("|")

FIRST_NAMES = """James Mary Robert Linda John Susan Michael Karen David Nancy William Lisa Richard Betty Joseph
Sandra Thomas Ashley Daniel Emily Matthew Donna Mark Michelle Paul Carol Steven Amanda Andrew Laura Joshua Sarah
Kevin Anna Brian Grace George Julia Edward Maria Ryan Emma Jason Olivia Eric Hannah Adam Rachel Henry Diana Peter
Megan Kyle Alice Aaron Sophia Jose Victoria Nathan Lauren Carlos Rosa Omar Priya Wei Aisha Luis Elena Ivan Nina
Ruth Helen Frank Jack Dennis Jerry Tyler Amy Brenda Pamela Nicole Katherine Samuel Patrick Walter Arthur Roger Martha
Judy Claire Lucy Ella Chloe Zoe Leo Max Oscar Simon Hugo Felix Diego Marco Sara Leila Fatima Yuki""".split()

LAST_NAMES = """Smith Johnson Brown Jones Garcia Miller Davis Martin Lopez Wilson Anderson Taylor Moore Jackson Lee
Perez White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Torres Hill Green Adams Nelson Baker
Hall Rivera Campbell Mitchell Carter Roberts Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart
Morris Murphy Cook Rogers Morgan Cooper Reed Bailey Bell Kelly Howard Ward Cox Patel Wong Kim Chen Shah
Thompson Sanchez Ramirez Flores Gomez Ortiz Russell Griffin Hayes Myers Ford Hamilton Graham Sullivan Wallace Woods
Cole West Jordan Owens Fisher Ellis Harrison Gibson Marshall Wells Webb Tran Khan Silva""".split()

CITIES = """Boston Denver Austin Seattle Portland Chicago Dallas Miami Atlanta Phoenix Houston Detroit Memphis
Tampa Oakland Omaha Tulsa Fresno Tucson Newark Buffalo Lincoln Madison Reno Albany Salem Dayton Boise Richmond
Savannah Spokane Durham Raleigh Orlando Cleveland Columbus Nashville Charlotte Sacramento Louisville Cincinnati
Milwaukee Baltimore Pittsburgh Rochester Syracuse Hartford Providence Springfield Knoxville Jackson Lexington Norfolk
Arlington Aurora Mesa Plano""".split()

STREETS = """Main Oak Maple Park Lake Hill River Mill Church Spring Center Market Union Harbor Garden Forest Bridge
Station Washington Lincoln Elm Cedar Pine Walnut School Bay Court High Grove Meadow Valley""".split()
STREET_KINDS = "Street Avenue Road Lane Drive Way Place".split()

SHOP_FIRST = """Harbor Maple River Stone Silver Golden Northern Sunny Little Blue Green Red Happy Urban Royal Cedar
Summit Valley Ocean Prairie Willow Copper Liberty Pioneer Crystal Lucky Noble Bright Meadow Canyon
Grand Coastal Forest Island Lake Bridge Eagle Anchor Sunset Winter Spring Granite""".split()
SHOP_SECOND = """Home Outfitters Goods Supply Market Trading Living House Depot Corner Works Store Post Point
Square Lane Company Brothers Exchange Place Warehouse Direct Studio Basics Center Gallery Barn Bazaar""".split()

GOODS = """furniture;clothing;shoes;toys;garden tools;kitchen goods;sports gear;electronics;office supplies;
home goods;gifts;outdoor gear;books and games;pet supplies;bikes;lamps and lights;music;bags and shoes;
school supplies;party goods;garden furniture""".replace("\n", "").split(";")

MONTHS = """January February March April May June July August September October November December""".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
COUNTRIES = """Canada Mexico Germany France Spain Italy Japan Brazil India Australia England Ireland Norway Sweden
Poland Greece""".split()
PEOPLE = "mother father sister brother wife husband son daughter friend neighbor boss aunt uncle".split()
EVENTS = "birthday wedding anniversary graduation party Christmas".split()
PAYMENTS = "credit card;debit card;gift card;bank transfer;check;cash;installments".split(";")
LANGUAGES = "English Spanish French German Chinese Korean".split()

# Letters of codes; I and O are left out, as in real ones.
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
