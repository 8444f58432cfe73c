"""Arms and legs that poses share; `poses.Arm` and `poses.Leg` say what their numbers mean."""

from __future__ import annotations

from asap.figures.people.poses import Arm, Leg

VIEWER, BACK = (0.0, 0.0, 1.0), (0.1, 0.0, -1.0)
WAVING = Arm(upper=(62, 10), fore=(168, 12), gesture="open palm", palm=VIEWER)
SHOWING = Arm(upper=(24, 8), fore=(160, 30), gesture="open palm", palm=VIEWER, bend=(176, 12))
THUMB_UP = Arm(upper=(22, -5), fore=(-58, 42), gesture="thumbs up", palm=(-0.5, 0, -0.8), bend=(-86, 12))
CALLING = Arm(upper=(30, 0), fore=(158, 20), gesture="call sign", palm=BACK, bend=(160, 10))
ON_HIPS = Arm(reach=(0.125, -0.05, 0.02), elbow=(1, 0.05, -0.2), gesture="relaxed hand", palm=(-1, 0, -0.6),
            bend=(-40, 25))  # fmt: skip
IN_PRAYER = Arm(
    reach=(0.02, -0.135, 0.15), elbow=(1, 0.6, 0), gesture="flat hand", palm=(-1, 0, 0.25), bend=(178, 8)
)
ON_HEAD = Arm(
    reach=(0.10, -0.43, 0.0),
    elbow=(1, -0.1, 0.1),
    gesture="relaxed hand",
    palm=(-1, 0.4, 0.3),
    bend=(218, 12),
)
ON_HEART = Arm(
    reach=(0.055, -0.165, 0.10), elbow=(0.7, 1, 0), gesture="flat hand", palm=(0, 0, -1), bend=(-112, 5)
)
ON_CHEEK = Arm(reach=(0.10, -0.252, 0.10), elbow=(0.35, 1, 0.2), gesture="relaxed hand", palm=(-0.6, 0, -0.8),
             bend=(184, 8))  # fmt: skip
RAISED = Arm(upper=(158, 0), fore=(168, 0), gesture="open palm", palm=VIEWER)
STRETCHED = Arm(upper=(90, 0), fore=(90, 0), gesture="flat hand", palm=(0, 1, 0.7))
HOLDING = Arm(upper=(26, 0), fore=(120, 50), gesture="grip", palm=(-1, 0, -0.3), bend=(-90, 45))
AT_EAR = Arm(
    reach=(0.105, -0.365, 0.07), elbow=(0.6, 1, 0.2), gesture="grip", palm=(-0.8, 0, -0.7), bend=(184, 5)
)
AROUND_BALL = Arm(reach=(0.095, -0.07, 0.13), elbow=(1, 0.5, 0), gesture="relaxed hand", palm=(-1, 0.1, 0.2),
                   bend=(194, 35))  # fmt: skip
SEATED = Leg(upper=(26, 48), lower=(0, -6), out=22)
IN_LAP = Arm(
    reach=(0.095, 0.06, 0.16), elbow=(1, 0.4, 0), gesture="relaxed hand", palm=(0, 1, -0.8), bend=(-8, 30)
)
