"""Words around the noun: adjectives and tails that people add to a prompt and that change nothing we draw."""

SYLLABLES: tuple[str, ...] = (
    "ba", "bro", "ca", "cor", "da", "del", "dra", "el", "fa", "fen", "ga", "gri", "ha", "hol", "in", "ja",
    "ka", "kel", "la", "lin", "ma", "mor", "na", "no", "or", "pa", "pin", "qua", "ra", "rik", "sa", "sto",
    "ta", "tor", "u", "va", "ver", "wa", "wen", "xi", "ya", "zu", "ble", "ter", "ton", "ling", "mite", "ster",
    "der", "ca", "chi", "lo", "ra",
)  # fmt: skip
ADJECTIVES: tuple[str, ...] = (
    "shiny", "glossy", "matte", "polished", "smooth", "rough", "old", "new", "antique", "vintage", "retro",
    "modern", "futuristic", "classic", "rustic", "ornate", "elegant", "sleek", "simple", "plain",
    "minimalist", "fancy", "cute", "tiny", "small", "little", "large", "big", "giant", "huge", "tall",
    "short", "long", "wide", "slim", "chunky", "sturdy", "delicate", "heavy", "light", "compact", "portable",
    "detailed", "intricate", "stylish", "beautiful", "pretty", "lovely", "charming", "whimsical", "magical",
    "enchanted", "mystical", "ancient", "medieval", "gothic", "victorian", "baroque", "art deco",
    "industrial", "scandinavian", "japanese", "chinese", "egyptian", "roman", "colonial", "tropical",
    "cartoon", "stylized", "realistic", "low poly", "toy", "miniature", "handmade", "hand-carved", "carved",
    "engraved", "decorative", "decorated", "weathered", "worn", "dusty", "battered", "cracked", "broken",
    "clean", "pristine", "brand new", "luxurious", "royal", "expensive", "cheap", "traditional", "geometric",
    "curved", "rounded", "angular", "pointed", "twisted", "textured", "patterned", "striped", "checkered",
    "spotted", "dotted", "floral", "glowing", "glittering", "sparkling", "shimmering", "iridescent",
    "translucent", "transparent", "clear", "crystal", "glass", "plastic", "rubber", "ceramic", "clay", "felt",
    "woolen", "fabric", "velvet", "paper", "cardboard", "bamboo", "wicker", "bone", "frosted", "snow-covered",
    "moss-covered", "dirty", "fluffy", "plush", "soft", "fuzzy", "furry", "happy", "sad", "angry", "friendly",
    "funny", "sleepy", "fierce", "brave", "wild", "baby", "single", "standing", "floating", "spinning",
    "folding", "adjustable", "electric", "mechanical", "steampunk", "robotic", "high-tech", "professional",
    "wireless", "smart", "handheld", "ergonomic", "foldable", "sharp", "blunt", "spiky", "spiked", "jagged",
    "hollow", "solid", "double", "bulky", "neat", "perfect", "unusual", "strange", "weird", "abstract",
    "surreal", "haunted", "spooky", "festive", "colorful", "vibrant", "pastel", "metallic", "rugged", "rusty",
    "painted", "lacquered", "varnished", "embossed", "jeweled", "gem-studded", "diamond-encrusted", "armored",
    "winged", "square", "round", "oval", "hexagonal", "triangular", "spherical", "cylindrical", "slender",
    "thin", "thick",
)  # fmt: skip

MATERIAL_ADJECTIVES: tuple[str, ...] = (
    "wooden", "metal", "steel", "iron", "stone", "marble", "leather", "plastic", "glass", "ceramic", "chrome",
    "brass", "copper", "porcelain", "concrete", "wood", "metallic", "aluminum",
)  # fmt: skip

GENERIC: tuple[str, ...] = (
    "statue",
    "sculpture",
    "figurine",
    "figure",
    "ornament",
    "model",
    "replica",
    "toy",
    "carving",
    "miniature",
    "decoration",
    "artwork",
    "design",
    "shape",
    "set",
    "pair",
    "miniature model",
    "souvenir",
    "keepsake",
    "prop",
)

SHADES: tuple[str, ...] = (
    "bright", "dark", "light", "deep", "pale", "neon", "pastel", "vivid", "glossy", "matte", "shiny", "pure",
    "soft", "vibrant", "faded", "metallic", "rich",
)  # fmt: skip

DETAILS: tuple[str, ...] = (
    "engraving", "carvings", "details", "stripes", "spots", "dots", "patterns", "accents", "trim", "inlay",
    "runes", "scratches", "cracks", "rivets", "bolts", "stickers", "decals", "gems", "crystals", "diamonds",
    "jewels", "lights", "glow", "texture", "finish", "edges", "border", "ribbon", "lace", "feathers",
    "scales", "vines", "moss", "rust", "dust", "snow", "flames", "smoke", "sparkles", "stars", "hearts",
    "flowers", "leaves", "spikes", "horns", "fangs", "claws", "chain", "straps", "buckle", "buttons",
    "screen", "display", "logo", "label", "filigree", "tassels", "fringe", "embroidery", "stitching",
    "padding", "cushion", "base", "frame", "surface", "sides", "top", "design", "chalkboard door",
    "crystal top", "geometric design", "floral pattern", "smooth surface", "rough texture", "glass panels",
    "led lights", "built-in speaker", "hidden compartment", "rubber grip", "curved edges", "wide base",
    "sharp edges", "worn paint", "peeling paint", "intricate design", "elegant curves", "dragon motif",
    "skull emblem", "glowing eyes", "tiny wings", "big smile", "long tail", "friendly face", "pointed hat",
    "trailer hitched on",
)  # fmt: skip

TAILS: tuple[str, ...] = (
    "on a white background", "for kids", "for children", "for a garden", "on a stand", "on a pedestal",
    "on wheels", "in art deco style", "in the style of van gogh", "in a fantasy style", "in cartoon style",
    "from a fairy tale", "from the future", "from the 1950s", "made by hand", "made of clay", "made of paper",
    "made of glass", "covered in snow", "covered in moss", "covered with dust", "covered in vines",
    "wrapped in ribbon", "floating in air", "in the desert", "in the forest", "at night", "on the beach",
    "by the sea", "near a lake", "under the sun", "ready for adventure", "full of details", "3d model",
    "3d render", "game asset", "isolated", "high quality", "4k", "studio lighting", "centered", "full view",
    "photorealistic", "low poly style", "perched on rock", "in a museum", "leaning against wall",
    "standing tall", "parked on street", "surrounded by rocks", "galloping", "ready to go", "on display",
    "in full bloom", "with price tag", "on a string", "in a box", "on hill", "hanging from ceiling",
    "powerful and imposing", "with surfboard", "flying high", "covered in gold leaf", "in moonlight",
    "from ancient times",
)  # fmt: skip
