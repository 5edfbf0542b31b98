"""The word lists from which the synthetic records are drawn."""

from __future__ import annotations

FIRST_NAMES = tuple(
    "Ada Alan Grace Linus Marie Albert Rosa Nils Emma Liam Olivia Noah Ava Elias Mia Lucas "
    "Amelia Mason Harper Ethan Nora Oscar Ines Hugo Clara Felix Greta Otto Ida Anton Paula Bruno "
    "Vera Victor Alma Samir Leila Omar Yusuf Fatima Amir Priya Arjun Anika Ravi Mei Wei Jun Hana "
    "Kenji Yuki Aiko Soren Astrid Bjorn Freya Ivan Olga Dmitri Katya Pavel Ana Luis Carmen Diego "
    "Elena Pablo Lucia Mateo Sofia Chloe Pierre Camille Antoine Kofi Ama Zuri Thabo Naledi Kwame "
    "Aisha Tom Kate Jack Lily Henry Alice Peter Sarah David Ruth Daniel Hannah Simon Judith "
    "Martin Eva José Zoë Łukasz René Chloé Søren Jürgen Björk Siân".split()
)
SURNAMES = tuple(
    "Lovelace Turing Hopper Smith Jones Brown Miller Davis Garcia Martinez Wilson Anderson "
    "Taylor Thomas Moore Jackson White Harris Clark Lewis Walker Hall Young King Wright Hill "
    "Green Baker Nelson Carter Mitchell Roberts Turner Parker Collins Stewart Morris Rogers Reed "
    "Cook Morgan Bell Murphy Bailey Cooper Kelly Ward Gray Watson Brooks Sanders Price Wood Ross "
    "Foster Khan Patel Singh Kumar Tanaka Sato Suzuki Kim Lee Chen Wang Zhang Novak Kowalski "
    "Ivanov Petrov Rossi Bianchi Ferrari Weber Fischer Wagner Becker Hoffmann Klein Jensen "
    "Hansen Larsen Nielsen Mensah Okafor Dlamini Núñez Müller Gómez Dvořák Østergaard".split()
)
CITIES = tuple(
    "London|Paris|Berlin|Madrid|Rome|Vienna|Prague|Lisbon|Dublin|Oslo|Stockholm|Helsinki|Warsaw|"
    "Athens|Budapest|Zürich|Geneva|Brussels|Amsterdam|Copenhagen|Cairo|Lagos|Nairobi|Accra|"
    "Cape Town|Mumbai|Delhi|Tokyo|Osaka|Kyoto|Seoul|Beijing|Singapore|Sydney|Melbourne|Auckland|"
    "Toronto|Montréal|Boston|Chicago|Seattle|Denver|Austin|New York|Lima|Bogotá|São Paulo|"
    "Mexico City|Buenos Aires|Santiago".split("|")
)
STREETS = tuple(
    "Main Street|High Street|Oak Avenue|Park Road|Mill Lane|River Road|Station Road|"
    "Church Street|Elm Street|Lake Drive|Garden Row|King Street|Bridge Street|Hill Road|"
    "Market Square".split("|")
)
ROLES = ("engineer", "designer", "manager", "analyst", "teacher", "nurse", "editor", "admin")
HOBBIES = tuple(
    "chess|hiking|cooking|painting|reading|cycling|swimming|gardening|photography|music|running|"
    "climbing|sailing|dancing|knitting|astronomy|board games|bird watching".split("|")
)
TAGS = tuple(
    "new|vip|remote|beta|staff|trial|team lead|on call|part time|local|premium|verified|guest|"
    "founder|mentor|sale|gift|eco".split("|")
)
GENRES = (
    "fantasy",
    "science",
    "history",
    "crime",
    "poetry",
    "romance",
    "travel",
    "satire",
    "drama",
    "biography",
)
COLORS = ("red", "green", "blue", "black", "white", "yellow", "silver", "orange")
COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
PRODUCTS = tuple(
    "lamp|desk|chair|notebook|pencil|backpack|kettle|teapot|mug|keyboard|mouse|monitor|"
    "headphones|camera|tripod|bicycle|helmet|tent|rope|compass|umbrella|scarf|jacket|boots|watch|"
    'phone case|water bottle|coffee beans|green tea|cable|screwdriver|hammer|paint|24" screen|'
    "USB hub".split("|")
)
NOUNS = tuple(
    "river mountain garden winter summer night morning island forest ocean city door window "
    "mirror shadow letter song machine number language map clock storm harbor bridge train moon "
    "star fire stone bird wolf".split()
)
ADJECTIVES = tuple(
    "silent hidden broken golden distant final first lost quiet bright endless small great old "
    "new secret wild open blue burning".split()
)
TITLE_FORMS = (
    "The {adjective} {noun}",
    "{adjective} {noun}",
    "A {noun} at Dawn",
    "Notes on a {adjective} {noun}",
    "The {noun}'s Tale",
    "{noun} Workshop",
    "{noun} & Company",
    'The "{adjective}" {noun}',
)
MAIL_HOSTS = (
    "example.com",
    "example.org",
    "mail.com",
    "mail.net",
    "post.org",
    "acme.com",
    "uni.edu",
    "firma.de",
)
SYLLABLES = tuple(
    "ka lo mi ren tas vel dor fin gar hul jo ker lam mon nar pel quo ri sor tan ul va wen xi yor "
    "zed bra cle dri".split()
)
REQUESTS = (
    "Describe {thing} as JSON.\n",
    "Describe {thing} as JSON.\n",
    "Describe {thing} in JSON.\n",
    "Write {thing} as JSON.\n",
    "Give me {thing} in JSON.\n",
    "Make up {thing} as a JSON object.\n",
    "Return one {noun} as JSON.\n",
    "Invent {thing}.\nJSON: ",
    "{noun} as JSON:\n",
    "JSON: ",
    "",
)
