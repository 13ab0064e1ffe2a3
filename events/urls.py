"""Addresses of the dashboard."""

from django.urls import path

from events.dashboard import (
    account,
    catalog,
    entries,  # noqa: F401 (importing it registers them)
    flow,
    home,
    live_views,  # noqa: F401 (likewise)
    log,
    processors,
    search,
    timeline,
    traces,
)

app_name = "events"

urlpatterns = [
    path("", home.home, name="home"),
    path("timeline/", timeline.timeline, name="timeline"),
    path("events/", log.log, name="log"),
    path("events/<int:position>/", log.event, name="event"),
    path("traces/", traces.traces, name="traces"),
    path("traces/<uuid:correlation_id>/", traces.trace, name="trace"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<path:name>/", catalog.event_type, name="event_type"),
    path("flow/", flow.flow, name="flow"),
    path("search/", search.search, name="search"),
    path("processors/", processors.processors, name="processors"),
    path("processors/<str:name>/pause/", processors.pause, name="pause"),
    path("processors/<str:name>/resume/", processors.resume, name="resume"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.create_token, name="create_token"),
    path("account/tokens/<int:number>/revoke/", account.revoke_token, name="revoke_token"),
]
