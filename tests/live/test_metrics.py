"""What Prometheus sees of a call, its supervisor and the requests about them."""

from tests.instruments.polling import eventually
from tests.instruments.scene import CLICK, call_up
from tests.instruments.stage import Stage


def test_a_supervised_call_is_counted(stage: Stage) -> None:
    """One call, one supervisor, each request under its route and outcome; ids and numbers nowhere."""
    before = stage.acme.metrics()
    scene = call_up(stage, CLICK, boss=stage.phone("103", 3, answer=0.0))
    scene.acme.do("listen", scene.call_id, ext="103")
    assert scene.acme.ask("listen", scene.call_id, ext="199").status_code == 400
    scene.parties["boss"].wait_established()
    talking = 'patchbay_calls{direction="outbound",state="CS_EXECUTE"}'
    now = eventually(lambda: found if (found := stage.acme.metrics()).get(talking) == 1 else {}, message=talking)
    assert now['patchbay_supervisors{mode="listen"}'] == 1
    assert now["patchbay_ready"] == 1
    listen = 'patchbay_request_seconds_count{outcome="%s",route="/v1/call/{call_id}/listen"}'
    for outcome in ("200", "USER_NOT_REGISTERED"):
        assert now[listen % outcome] - before.get(listen % outcome, 0) == 1
    assert now["patchbay_event_lag_seconds_count"] > before["patchbay_event_lag_seconds_count"]
    text = stage.acme.http.get("/metrics").text
    assert not [secret for secret in (scene.call_id, scene.far_number, "acme.test") if secret in text]
