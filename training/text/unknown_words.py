"""Things the embedded family does not know, by theme, and endless prompts about them.

The judge learns from these to score such prompts low against every picture. Words that some kind uses are
dropped when the prompts are made (`UnknownPromptWriter`), so that this list need not follow the kinds.
"""

JEWELRY = (
    "ring, engagement ring, signet ring, bracelet, bangle, cuff bracelet, charm bracelet, anklet, necklace, "
    "choker, pendant, locket, medallion, amulet, talisman, brooch, cameo, earring, stud earrings, hoop "
    "earrings, drop earrings, tiara, diadem, hairpin, hair comb, barrette, cufflinks, tie clip, lapel pin, "
    "beads, rosary, wristwatch, smartwatch, pocket watch, watch strap, monocle, eyeglasses, sunglasses, "
    "goggles, nose stud, toe ring, body chain, keyring, keychain, dog tag, coin, medal, badge, wedding "
    "band, pearl strand, jewelry box, gem, gemstone, wax seal"
)
MINERALS = (
    "diamond, ruby gem, sapphire stone, emerald crystal, topaz, opal, garnet, peridot, tourmaline, amethyst "
    "geode, geode, quartz cluster, rose quartz, citrine point, agate slice, jasper, malachite, azurite, "
    "lapis lazuli, turquoise nugget, obsidian shard, onyx slab, moonstone, sunstone, labradorite, fluorite, "
    "calcite, selenite, pyrite cube, hematite, galena, bismuth crystal, copper ore, gold nugget, silver "
    "ingot, iron ore, bauxite, coal lump, graphite, sulfur, halite, gypsum, talc, mica sheet, feldspar, "
    "granite boulder, basalt column, limestone cliff, sandstone arch, marble slab, slate tile, shale layer, "
    "schist, gneiss, pumice, tuff, conglomerate, breccia, flint, chert, amber, fossil, ammonite, trilobite, "
    "petrified log, meteorite, tektite, stalactite, stalagmite, cave, canyon, cliff, crater, lava flow, "
    "iceberg, glacier, sand dune, pebble, gravel pile, river stone, boulder, rock formation, monolith, "
    "mineral"
)
BEASTS = (
    "dragon, wyvern, phoenix, griffin, hippogriff, pegasus, unicorn, centaur, minotaur, satyr, faun, "
    "cyclops, medusa, gorgon, hydra, chimera, sphinx, manticore, basilisk, cockatrice, kraken, leviathan, "
    "mermaid, merman, siren, selkie, kelpie, nymph, dryad, naiad, sylph, salamander spirit, undine, gnome, "
    "dwarf, elf, fairy, pixie, sprite, goblin, orc, ogre, troll, giant, titan, golem, gargoyle, imp, demon, "
    "devil, succubus, angel, cherub, seraph, djinn, genie, ifrit, ghoul, zombie, mummy, vampire, werewolf, "
    "banshee, wraith, specter, poltergeist, lich, skeleton warrior, reaper, wendigo, yeti, bigfoot, "
    "chupacabra, jackalope, kitsune, tengu, oni, kappa, naga, garuda, roc, thunderbird, quetzal serpent, "
    "lamia, harpy, fury, valkyrie, cerberus, hellhound, nightmare steed, behemoth, beholder, slime monster, "
    "alien"
)
ANIMALS = (
    "dog, puppy, wolf, fox, coyote, jackal, hyena, lion, lioness, tiger, leopard, cheetah, jaguar, panther, "
    "lynx, bobcat, bear, polar bear, grizzly, panda, raccoon, badger, otter, weasel, ferret, skunk, mole, "
    "hedgehog, porcupine, squirrel, chipmunk, beaver, hamster, mouse, rat, guinea pig, rabbit, hare, "
    "kangaroo, koala, wombat, platypus, echidna, sloth, armadillo, anteater, monkey, gorilla, chimpanzee, "
    "orangutan, baboon, lemur, horse, pony, stallion, donkey, zebra, giraffe, elephant, rhino, rhinoceros, "
    "hippo, hippopotamus, camel, llama, alpaca, deer, stag, moose, elk, reindeer, antelope, gazelle, bison, "
    "buffalo, bull, cow, ox, yak, goat, sheep, ram, lamb, pig, boar, hog, bat, whale, dolphin, orca, "
    "narwhal, seal, walrus, manatee, shark, stingray, swordfish, tuna, salmon fish, goldfish, koi, "
    "clownfish, eel, seahorse, octopus, squid, jellyfish, starfish, crab, lobster, shrimp, clam, oyster, "
    "sea urchin, coral reef, snail, slug, worm, caterpillar, butterfly, moth, dragonfly, bee, wasp, hornet, "
    "ant, beetle, ladybug, grasshopper, cricket, mantis, spider, tarantula, scorpion, centipede, frog, "
    "toad, newt, salamander, lizard, gecko, iguana, chameleon, crocodile, alligator, turtle, tortoise, "
    "snake, cobra, python, viper, rattlesnake, eagle, hawk, falcon, vulture, owl, raven, crow, magpie, "
    "parrot, macaw, toucan, hummingbird, sparrow, robin, canary bird, pigeon, dove, seagull, pelican, "
    "heron, stork, crane bird, flamingo, swan, goose, duck, chicken, rooster, turkey, peacock, ostrich, "
    "emu, kiwi bird, woodpecker, kingfisher, bird, fish, dinosaur, triceratops, stegosaurus, tyrannosaurus, "
    "velociraptor, pterodactyl, mammoth, cat, kitten"
)
PLANTS = (
    "rose, tulip, daisy, lily, calla lily, orchid, lotus, iris, daffodil, marigold, peony, poppy, hibiscus, "
    "hydrangea, carnation, chrysanthemum, dahlia, magnolia bloom, jasmine, lavender sprig, violet flower, "
    "pansy, petunia, begonia, geranium, azalea, rhododendron, camellia, gardenia, bluebell, snowdrop, "
    "crocus, hyacinth, anemone, foxglove, snapdragon, sunflower, dandelion, thistle, clover, bouquet, "
    "wreath, garland, fern, moss patch, ivy, vine, hedge, bush, shrub, topiary, bonsai, bamboo stalk, reed, "
    "grass tuft, wheat sheaf, cornstalk, barley, rice plant, seaweed, kelp, algae, lichen, aloe vera, "
    "agave, succulent, echeveria, jade plant, snake plant, spider plant, monstera, philodendron, pothos, "
    "bromeliad, venus flytrap, pitcher plant, sundew, protea, bird of paradise, ginger flower, leaf, petal, "
    "twig, branch, log, stump, bark, root, acorn, pinecone, chestnut, seed pod, flower pot, hanging "
    "planter, stem"
)
FOODS = (
    "burger, hamburger, cheeseburger, hot dog, pizza, pizza slice, sandwich, taco, burrito, sushi roll, "
    "ramen bowl, noodles, spaghetti, lasagna, dumpling, steak, bacon, sausage, ham, roast chicken, fried "
    "egg, omelette, pancake, waffle, toast, bread loaf, baguette, croissant, bagel, pretzel, muffin, "
    "cupcake, cake, cheesecake, pie, tart, cookie, brownie, donut, macaron, candy, lollipop, chocolate bar, "
    "gummy bear, ice cream, popsicle, milkshake, smoothie, coffee, latte, juice, soda can, beer, wine, "
    "cocktail, cheese wheel, butter, yogurt, honey jar, jam, salad, soup, stew, curry, popcorn, chips, "
    "french fries, apple, banana, orange fruit, lemon, lime, grapefruit, peach, plum, pear, cherry, "
    "strawberry, raspberry, blueberry, blackberry, grape bunch, watermelon, melon, pineapple, mango, "
    "papaya, kiwi, coconut, pomegranate, fig, date, avocado, tomato, potato, carrot, onion, garlic, pepper, "
    "chili pepper, bell pepper, cucumber, zucchini, eggplant, corn cob, broccoli, cauliflower, cabbage, "
    "lettuce, spinach, celery, asparagus, radish, beet, turnip, peas, beans, pumpkin"
)
GADGETS = (
    "phone, smartphone, telephone, tablet, laptop, computer, keyboard, computer mouse, monitor, television, "
    "remote control, game console, gaming controller, joystick, gamepad, vr headset, headphones, earbuds, "
    "headset, microphone, speaker, soundbar, radio, walkie talkie, record player, turntable, camera, "
    "webcam, camcorder, projector, drone, printer, scanner, router, modem, server rack, hard drive, flash "
    "drive, charger, charging pad, power bank, battery, cable, adapter, plug, socket, light switch, light "
    "bulb, flashlight, thermostat, smoke detector, doorbell, security camera, smart speaker, e-reader, "
    "calculator, fitness tracker, metal detector, oscilloscope, microscope, telescope, binoculars, compass, "
    "barometer, thermometer, stopwatch, metronome, typewriter, sewing machine, vacuum cleaner, washing "
    "machine, dryer, dishwasher, refrigerator, freezer, oven, stove, microwave, toaster, blender, mixer, "
    "juicer, coffee maker, kettle, rice cooker, air fryer, humidifier, fan, heater, air conditioner, iron "
    "appliance, hair dryer, electric razor, toothbrush, circuit board, microchip, robot vacuum, satellite "
    "dish, solar panel, wind turbine, generator, engine, gearbox, turbine"
)
HOUSEHOLD = (
    "rug, carpet, curtain, blanket, quilt, pillow, cushion, mattress, mirror, picture frame, painting, "
    "tapestry, wallpaper, chandelier, sconce, fireplace, mantel, bookshelf, bookcase, wardrobe, armoire, "
    "dresser, nightstand, sideboard, cabinet, hutch, vanity, desk, workbench, ottoman, footstool, recliner, "
    "chaise lounge, hammock, crib, bunk bed, daybed, headboard, room divider, coat rack, shoe rack, shelf, "
    "basket, laundry hamper, trash can, bin, mop, broom, dustpan, brush, sponge, soap dish, towel, bathtub, "
    "sink, toilet, shower, faucet, plate, dish, saucer, bowl, platter, tray, fork, knife, spoon, "
    "chopsticks, ladle, spatula, whisk, rolling pin, cutting board, grater, colander, pan, pot, wok, "
    "casserole, pitcher, jug, carafe, decanter, wine glass, goblet, chalice, tankard, flask, thermos, lunch "
    "box, cookie jar, salt shaker, pepper mill, candle, candlestick, candelabra, incense burner, ashtray, "
    "paperweight, bookend, letter opener, pen, pencil, fountain pen, ink bottle, eraser, ruler, stapler, "
    "scissors, tape, notebook, diary, envelope, globe, hourglass, birdcage, birdhouse, aquarium, doormat, "
    "key, padlock, doorknob, hinge, ladder, wheelbarrow, watering can, hose, shovel, rake, hoe"
)
WEAPONS = (
    "axe, battle-axe, tomahawk, hatchet, mace, flail, war hammer, morning star, club, cudgel, baton, staff, "
    "quarterstaff, spear, pike, lance, halberd, glaive, trident, javelin, harpoon, bow, longbow, crossbow, "
    "arrow, quiver, slingshot, sling, boomerang, blowgun, throwing knife, shuriken, kunai, sai, nunchaku, "
    "tonfa, kusarigama, whip, brass knuckles, pistol, revolver, rifle, shotgun, musket, machine gun, sniper "
    "rifle, flamethrower, grenade, bomb, dynamite, land mine, rocket launcher, bazooka, catapult, "
    "trebuchet, ballista, cannon, ray gun, taser, pepper spray, chainsaw, scythe, sickle, gauntlet, helmet, "
    "breastplate, chainmail, armor, shield, buckler, scabbard, holster, ammunition, bullet"
)
TRANSPORT_AND_PLACES = (
    "limousine, minivan, ambulance, fire engine, tank, bulldozer, excavator, forklift, crane, tractor, "
    "combine harvester, snowplow, garbage truck, tow truck, rickshaw, pedicab, carriage, wagon, sled, "
    "sleigh, skateboard, scooter, roller skates, tricycle, unicycle, motorcycle, moped, atv, go-kart, golf "
    "cart, segway, canoe, kayak, raft, gondola, yacht, submarine, hovercraft, jet ski, helicopter, glider, "
    "blimp, hot air balloon, parachute, spaceship, satellite, space station, ufo, train, locomotive, tram, "
    "subway car, bridge, dam, pier, skyscraper, temple, shrine, pagoda, mosque, cathedral, church, pyramid, "
    "obelisk, statue, bust, fountain, arch, column, pillar, gazebo, pavilion, greenhouse, barn, silo, "
    "stable, igloo, tent, yurt, teepee, treehouse, cottage, mansion, palace, fortress, ruin, dungeon, "
    "prison, factory, warehouse, hospital, school, library, museum, theater, stadium, airport, gas station, "
    "phone booth, bus stop, bench, fire hydrant, street sign, traffic light, parking meter, billboard, "
    "fence, gate, wall, staircase, escalator, elevator, swing, slide, seesaw, carousel, ferris wheel, "
    "roller coaster, windmill, water tower, oil rig, power plant, waterfall, island, volcano, mountain"
)
PEOPLE_CLOTHES_ARTS = (
    "knight, samurai, ninja, pirate, wizard, witch, king, queen, prince, princess, soldier, astronaut, "
    "firefighter, chef, doctor, farmer, clown, dancer, monk, priest, gladiator, viking, cowboy, athlete, "
    "baby doll, doll, puppet, action figure, teddy bear, stuffed animal, figurine, mask, hat, cap, beanie, "
    "crown, turban, scarf, glove, mitten, jacket, coat, dress, skirt, shirt, sweater, hoodie, vest, tie, "
    "belt, pants, jeans, shorts, sock, shoe, sneaker, boot, sandal, high heel, slipper, backpack, handbag, "
    "purse, wallet, suitcase, briefcase, umbrella stand, fan blade, piano, violin, cello, harp, flute, "
    "clarinet, saxophone, trumpet, trombone, tuba, drum kit, drum, tambourine, maraca, xylophone, "
    "accordion, harmonica, banjo, mandolin, bagpipes, gong, bell, music box, sculpture, vase shard, mosaic, "
    "origami, kite, yo-yo, spinning top, rubik cube, puzzle, chess piece, dice, playing card, domino, "
    "marble toy, balloon, pinata, basketball, football, baseball, tennis racket, golf club, hockey stick, "
    "surfboard, snowboard, ski, dumbbell, kettlebell, trophy, flag, banner, scepter, wand, crystal ball, "
    "cauldron, potion, scroll, treasure map, tarot card, hologram, portal, nebula, galaxy, planet, moon, "
    "sun, star, cloud, rainbow, snowflake, raindrop, lightning bolt, flame, feather, bone, skull, heart, "
    "brain, eye, tooth"
)

THEMES: tuple[str, ...] = (
    JEWELRY, MINERALS, BEASTS, ANIMALS, PLANTS, FOODS, GADGETS, HOUSEHOLD, WEAPONS, TRANSPORT_AND_PLACES,
    PEOPLE_CLOTHES_ARTS,
)  # fmt: skip

UNKNOWN_THINGS: tuple[str, ...] = tuple(
    dict.fromkeys(word.strip() for theme in THEMES for word in theme.split(",") if word.strip())
)
"""Every unknown thing once, in order of theme."""
