"""Addresses of the dashboard."""

from django.urls import path, register_converter

from flowdeck.dashboard.catalog import page as catalog
from flowdeck.dashboard.connectors import page as connectors
from flowdeck.dashboard.connectors import posts
from flowdeck.dashboard.flow import page as flow
from flowdeck.dashboard.flow import past as flow_past
from flowdeck.dashboard.home import page as home
from flowdeck.dashboard.letters import page as dead_letters
from flowdeck.dashboard.letters import repair as repairs
from flowdeck.dashboard.logs import page as log
from flowdeck.dashboard.logs import reveal, saved_views
from flowdeck.dashboard.objectives import page as objectives
from flowdeck.dashboard.processes import page as processes
from flowdeck.dashboard.processors import limits
from flowdeck.dashboard.processors import page as processors
from flowdeck.dashboard.replay import page as replay
from flowdeck.dashboard.replay import redeliver, streams
from flowdeck.dashboard.shared import columns
from flowdeck.dashboard.shell import account, alerts, database, design_review, plain_live, search
from flowdeck.dashboard.shell import audit as audit_page
from flowdeck.dashboard.timeline import page as timeline
from flowdeck.dashboard.timers import page as timers
from flowdeck.dashboard.trace import pages as traces
from flowdeck.dashboard.why import page as why
from flowdeck.live import routing

app_name = "flowdeck"


class StoredName:
    """A name as some row has it: whatever stands in it, its page has an address."""

    regex = r"[\s\S]*"

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is; Django quotes it."""
        return value


register_converter(StoredName, "stored")

urlpatterns = [
    path("", home.home, name="home"),
    path(routing.LIVE, plain_live.live, name="live"),
    path("live/regions/", plain_live.live_regions, name="live_regions"),
    path("why/", why.page, name="why"),
    path("timeline/", timeline.timeline, name="timeline"),
    path("events/", log.log, name="log"),
    path("events/<int:position>/", log.event, name="event"),
    path("events/<int:position>/reveal/", reveal.reveal, name="reveal"),
    path("events/columns/", columns.choose, name="columns"),
    path("events/views/", saved_views.save, name="save_view"),
    path("events/views/<int:number>/delete/", saved_views.delete, name="delete_view"),
    path("traces/", traces.traces, name="traces"),
    path("traces/compare/", traces.compare, name="compare_traces"),
    path("traces/<uuid:correlation_id>/", traces.trace, name="trace"),
    path("traces/<uuid:correlation_id>/mermaid/", traces.mermaid, name="mermaid"),
    path("traces/<uuid:correlation_id>/export/", traces.export_trace, name="export_trace"),
    path("streams/", streams.streams, name="streams"),
    path("streams/<stored:stream>/", streams.travel, name="stream"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<stored:name>/", catalog.event_type, name="event_type"),
    path("flow/", flow.flow, name="flow"),
    path("flow/past/", flow_past.past, name="flow_past"),
    path("flow/past/hops/", flow_past.hops, name="hops"),
    path("search/", search.search, name="search"),
    path("processors/", processors.processors, name="processors"),
    path("processors/<str:name>/", processors.processor, name="processor"),
    path("processors/<str:name>/limits/", limits.change_limits, name="change_limits"),
    path("processors/<str:name>/pause/", processors.pause, name="pause"),
    path("processors/<str:name>/resume/", processors.resume, name="resume"),
    path("connectors/", connectors.page, name="connectors"),
    path("connectors/<str:name>/attempts/", posts.page, name="webhook_attempts"),
    path("connectors/<str:name>/test/", posts.test, name="test_webhook"),
    path("connectors/<str:name>/again/", posts.again, name="send_again"),
    path("connectors/<str:name>/pause/", connectors.pause, name="pause_connector"),
    path("connectors/<str:name>/resume/", connectors.resume, name="resume_connector"),
    path("connectors/<str:name>/rewind/", connectors.rewind, name="rewind_connector"),
    path("processes/", processes.processes, name="processes"),
    path("processes/<str:process>/", processes.process, name="process"),
    path("processes/<str:process>/stop/", processes.stop, name="stop_process"),
    path("timers/", timers.timers, name="timers"),
    path("timers/switch/", timers.switch, name="switch_timers"),
    path("timers/schedules/<str:name>/", timers.change_schedule, name="change_schedule"),
    path("timers/<int:number>/", timers.change, name="change_timer"),
    path("dead-letters/", dead_letters.console, name="dead_letters"),
    path("dead-letters/<int:number>/", dead_letters.letter, name="letter"),
    path("dead-letters/<int:number>/test/", dead_letters.letter_test, name="letter_test"),
    path("dead-letters/<int:number>/repair/", repairs.repair, name="repair"),
    path(
        "dead-letters/<int:number>/repair/<int:proof>/",
        repairs.confirm_repair,
        name="confirm_repair",
    ),
    path("dead-letters/resolve/", dead_letters.resolve, name="resolve"),
    path("dead-letters/bulk/<int:number>/cancel/", dead_letters.cancel, name="cancel_bulk"),
    path("dead-letters/groups/<stored:fingerprint>/", dead_letters.status, name="group_status"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/rules/", alerts.save, name="save_alert"),
    path("alerts/rules/<int:number>/mute/", alerts.mute, name="mute_alert"),
    path("alerts/rules/<int:number>/test/", alerts.test, name="test_alert"),
    path("alerts/rules/<int:number>/delete/", alerts.delete, name="delete_alert"),
    path("objectives/", objectives.objectives, name="objectives"),
    path("objectives/keep/", objectives.save, name="save_objective"),
    path("objectives/<int:number>/delete/", objectives.delete, name="delete_objective"),
    path("database/", database.database, name="database"),
    path("audit/", audit_page.audit, name="audit"),
    path("audit/export/", audit_page.export, name="audit_export"),
    path("replay/", replay.replay, name="replay"),
    path("replay/redeliver/", redeliver.redeliver, name="redeliver"),
    path("replay/runs/", replay.run, name="run_replay"),
    path("replay/runs/<int:number>/cancel/", replay.cancel, name="cancel_replay"),
    path("design-review/", design_review.review, name="design_review"),
    path("design-review/prove/", design_review.prove, name="prove"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.create_token, name="create_token"),
    path("account/tokens/<int:number>/revoke/", account.revoke_token, name="revoke_token"),
]
