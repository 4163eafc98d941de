"""Renders labelled pictures from a seed with Pillow alone. `render.kinds` lists what there is."""
