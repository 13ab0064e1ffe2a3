"""Where metrics are: ``path("", include("flowdeck.metrics.urls"))``, at the top of a site."""

from django.urls import path

from flowdeck.metrics import views

app_name = "flowdeck-metrics"

urlpatterns = [path("metrics", views.metrics, name="metrics")]
