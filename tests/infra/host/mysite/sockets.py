"""A websocket of the project's own."""

from channels.generic.websocket import WebsocketConsumer


class Echo(WebsocketConsumer):
    """Says what it hears."""

    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=text_data)
