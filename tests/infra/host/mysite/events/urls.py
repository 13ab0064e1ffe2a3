"""One page."""

from django.urls import path
from django.views.generic import ListView

from mysite.events.models import Event

app_name = "events"
urlpatterns = [path("", ListView.as_view(model=Event), name="list")]
