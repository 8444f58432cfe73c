"""The words of checkable facts: parts of the body, what may be said of each, and the signs that hands make.

`STATES[kind][words]` is the verb phrase of the question; `{}` in it stands for the value that follows the
words. A phrase that begins with "be" asks with is or are. docs/haf_bench.md explains them.
"""

from __future__ import annotations

SIDES = ("one", "other", "left", "right", "both")
LIMBS = {"hand": "hands", "arm": "arms", "leg": "legs", "foot": "feet"}

# part -> (kind, whether it is plural)
PARTS: dict[str, tuple[str, bool]] = {
    **{f"{side} {kind}": (kind, False) for kind in LIMBS for side in SIDES if side != "both"},
    **{f"both {plural}": (kind, True) for kind, plural in LIMBS.items()},
    "face": ("face", False),
    "eyes": ("eyes", True),
    "one eye": ("eyes", False),
    "other eye": ("eyes", False),
    "mouth": ("mouth", False),
    "body": ("body", False),
}

GESTURES = {
    "air quotes": "two fingers of each hand are bent like quotation marks beside the head",
    "beckoning": "the index finger is curled towards the person, the others are closed",
    "blown kiss": "the fingertips leave the lips",
    "call sign": "thumb and little finger are stretched out, the others folded",
    "clap": "the palms meet",
    "claw": "all fingers are spread and bent like hooks",
    "crossed fingers": "the middle finger lies across the index finger",
    "cupped": "the fingers are closed and bent into a bowl",
    "finger gun": "index finger forward, thumb up, the others folded",
    "finger heart": "the tips of thumb and index finger cross",
    "fist": "all fingers are closed",
    "frame": "thumbs and index fingers of both hands form a rectangle",
    "hand heart": "the thumbs and fingers of both hands form a heart",
    "love sign": "thumb, index and little finger are stretched out, the two between are folded",
    "okay sign": "thumb and index finger form a ring, the others are stretched",
    "peace sign": "index and middle finger form a V, the others are folded",
    "pinch": "the tip of the thumb meets one or more fingertips",
    "rock sign": "index and little finger are stretched out, the others folded",
    "salute": "straight fingers touch the brow or the cap",
    "shushing": "an upright index finger lies on the lips",
    "snap": "thumb and middle finger are pressed together to snap",
    "steeple": "the fingertips of both hands meet, the palms do not",
    "stop sign": "the open palm is held towards someone",
    "thumbs down": "the thumb points down, the other fingers are closed",
    "thumbs up": "the thumb points up, the other fingers are closed",
    "time-out sign": "one flat hand lies across the fingertips of the other, as a T",
    "wave": "the hand is open and lifted in greeting",
}

_HOLDS_AND_TOUCHES = {"holds": "hold {}", "touches": "touch {}", "covers": "cover {}", "on": "rest on {}"}
STATES: dict[str, dict[str, str]] = {
    "hand": {
        **_HOLDS_AND_TOUCHES,
        "extends": "have exactly {} stretched out, counting the thumb",
        "shows": "show exactly {}, counting the thumb",
        "makes": "make this sign: {}",
        "points": "point {}",
        "palm": "have the palm turned {}",
        "palms together": "lie palm against palm",
        "open": "be open, with the fingers stretched or loose",
        "raised": "be lifted",
        "raised above the head": "be lifted above the head",
        "clasped": "be clasped, with the fingers of one around or between those of the other",
        "behind": "be behind {}",
    },
    "arm": {
        "at the sides": "hang down beside the body",
        "stretched": "be stretched out {}",
        "raised": "be lifted, with the hand above the shoulder",
        "straight": "be straight at the elbow",
        "bent": "be bent at the elbow",
        "crossed": "be crossed",
        "apart": "be held apart",
        "behind": "be behind {}",
        "around": "reach around {}",
        "linked with": "be linked with {}",
    },
    "leg": {
        "straight": "be straight at the knee",
        "bent": "be bent at the knee",
        "raised": "be lifted off the ground",
        "crossed": "be crossed",
        "apart": "be apart",
        "together": "be close together",
    },
    "foot": {
        "bare": "be bare",
        "shows": "show exactly {}",
        "on": "stand on {}",
        "touches": "touch {}",
        "off the ground": "be off the ground",
    },
    "face": {
        "to the viewer": "look towards the camera",
        "in profile": "be seen from the side",
        "turned upward": "be turned upward",
        "smiling": "smile",
        "shows one ear": "show at least one ear",
        "shows both ears": "show both ears",
    },
    "eyes": {"open": "be open", "closed": "be closed", "look": "look {}"},
    "mouth": {"open": "be open", "closed": "be closed", "shows teeth": "show teeth"},
    "body": {
        "turned": "be turned {}, as the camera sees it",
        "upside down": "be upside down",
        "bends": "bend {}",
        "rides": "ride {}",
        "balances on one foot": "stand on one foot alone",
    },
}

# Of a body, alone or followed by where and how: "sits", "sits on a swing", "lies face down".
POSTURES = {
    "stands": "stand",
    "sits": "sit",
    "lies": "lie",
    "kneels": "kneel",
    "crouches": "crouch",
    "walks": "walk",
    "runs": "run",
    "jumps": "jump",
    "hangs": "hang",
    "leans": "lean",
    "climbs": "climb",
    "crawls": "crawl",
    "dances": "dance",
    "lunges": "lunge",
}
