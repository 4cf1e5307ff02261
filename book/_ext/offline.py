"""Keep pages free of foreign scripts: Jupyter Book adds Thebe's loader even when it is off."""


def _drop_thebe(app):
    for listeners in app.events.listeners.values():
        listeners[:] = [
            one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")
        ]


def setup(app):
    app.connect("builder-inited", _drop_thebe, priority=0)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
