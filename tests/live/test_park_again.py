"""A caller who was parked and fetched can be parked again at once."""

from tests.instruments.moves import SIDES, TARGET, call_apart, extension, name_on, other_side, party_on
from tests.instruments.scene import INBOUND
from tests.instruments.stage import Stage


def test_who_was_fetched_is_parked_again(stage: Stage) -> None:
    """Within the moments in which a second park of a waiting leg is refused; the music is heard each time."""
    cut = SIDES[1]
    scene = call_apart(stage, INBOUND, target=extension(stage, TARGET, 3, answer=0.0))
    waiting = name_on(scene, other_side(cut))
    scene.acme.do("park", scene.call_id, legs=cut)
    party_on(scene, cut).wait_idle()
    scene.acme.do("transfer", scene.call_id, ext=TARGET, legs=other_side(cut))
    scene.parties["target"].wait_established()
    scene.acme.do("park", scene.call_id, legs=cut)
    scene.parties["target"].wait_idle()
    scene.hears({waiting: "music"})
