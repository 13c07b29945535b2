from tests.instruments.stage import MOBILE, Stage


def test_click_to_call(stage: Stage) -> None:
    agent, mobile = stage.phone("101", 1, answer=0.5), stage.mobile(answer=0.5)
    table = stage.start(agent=agent, mobile=mobile)
    call_id = stage.acme.click("101", MOBILE)
    print(stage.acme.calls())
    agent.wait_established()
    print(stage.acme.calls())
    mobile.wait_established()
    table.expect({"agent": ["mobile"], "mobile": ["agent"]})
    print(stage.acme.calls())
    print(stage.channels(), stage.bridges())
    sup = stage.phone("103", 2, answer=0.1)
    sup.start()
    from tests.instruments.audibility import Table
    t = Table({"agent": agent, "mobile": mobile, "sup": sup})
    for mode, exp in (("listen", {"agent": ["mobile"], "mobile": ["agent"], "sup": ["agent", "mobile"]}),
                      ("whisper", {"agent": ["mobile", "sup"], "mobile": ["agent"], "sup": ["agent", "mobile"]}),
                      ("barge", {"agent": ["mobile", "sup"], "mobile": ["agent", "sup"], "sup": ["agent", "mobile"]}),
                      ("listen", {"agent": ["mobile"], "mobile": ["agent"], "sup": ["agent", "mobile"]})):
        stage.acme.do(mode, call_id, ext="103")
        t.expect(exp)
        print(mode, stage.channels())
    other = stage.phone("102", 3, answer=0.2)
    other.start()
    stage.acme.do("transfer", call_id, ext="102", legs="bleg")
    print(stage.acme.calls())
    t = Table({"agent": agent, "mobile": mobile, "sup": sup, "other": other})
    t.expect({"other": ["mobile"], "mobile": ["other"], "sup": ["other", "mobile"]})
    print(stage.acme.calls())
    stage.acme.do("park", call_id, legs="aleg")
    t.expect({"mobile": ["music"]})
    print(stage.acme.calls())
