"""Three pens for one spec: the browser's JSON and buffers, plotly and Matplotlib.

Each is imported when it is used: `vergence_widgets.draw.packed`, `.plotly_pen`, `.matplotlib_pen`.
"""

__all__: list[str] = []
