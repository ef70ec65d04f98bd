"""Letters: written in French, composed as messages, handed over to a mail server or a folder."""
