"""The labelled questions about the corpus, and what answers each. Knows nothing about any search engine.

A row is `pair | query | picture or nothing | answers`, answers best first. Short names stand for files, see `FOLDERS`.
"""

from __future__ import annotations

import json
from pathlib import Path

ROWS = """
text->image | red car | | IMG_2041.jpg winter_drive.jpg
text->image | blue car | | DSC_0113.jpg IMG_1561.jpg slide_09.jpg
text->image | a yellow taxi in a city street | | city_cab.webp
text->image | a red car in the snow | | winter_drive.jpg
text->image | green bicycle leaning against a brick wall | | DSC_0127.jpg
text->image | red bicycle on grass | | IMG_2077.jpg
text->image | passenger plane in the sky | | departure.jpg
text->image | sailing boat at sea | | regatta.webp
text->image | hot air balloons over fields | | P1040330.jpg
text->image | toy balloons on strings | | party.png
text->image | a red apple | | IMG_3308.png
text->image | a green apple | | IMG_3309.jpg
text->image | bowl of fruit with bananas and grapes | | still_life.jpg
text->image | pizza with salami and olives | | dinner_friday.jpg
text->image | birthday cake with burning candles | | IMG_2950.jpg
text->image | football on the lawn in front of the goal | | kickoff.webp
text->image | red ball on the left, blue ball on the right | | balls_a.png
text->image | blue ball on the left, red ball on the right | | balls_b.png
text->image | a cup of coffee and a croissant | | breakfast.jpg
text->image | shelf full of books | | library_corner.jpg
text->image | chess pieces on a board | | DSC_0402.jpg
text->image | red armchair | | furniture_17.jpg
text->image | living room with a sofa and a carpet | | flat_01.jpg
text->image | bedroom with a double bed | | flat_02.jpg
text->image | kitchen with a fridge and a wooden table | | flat_03.jpg
text->image | red house with a dark roof | | IMG_1560.jpg
text->image | white house with a car parked in front | | IMG_1561.jpg
text->image | striped lighthouse on a rock | | coast_trip.webp
text->image | orange tabby cat | | IMG_0007.jpg
text->image | black cat with yellow eyes | | midnight.jpg
text->image | a brown and white dog with a red collar | | IMG_1187.jpg
text->image | brown horse by a fence | | paddock.jpg
text->image | small blue bird on a branch | | DSC_0655.jpg
text->image | a bee on a pink flower | | DSC_0660.jpg
text->image | sunflower | | poster_print.jpg
text->image | orange butterfly on purple flowers | | DSC_0661.webp
text->image | clownfish under water | | aquarium.png
text->image | portrait of a woman with glasses | | staff_photo.jpg
text->image | five people standing side by side | | team.jpg
text->image | beach at sunset with palm trees | | P1040412.jpg
text->image | snowy mountains behind a lake | | panorama.jpg talk_cover.jpg
text->image | path through a forest | | trail.jpg
text->image | city skyline at night | | IMG_4410.jpg
text->image | sand dunes in the desert | | P1040500.webp
text->image | glowing tent under the Milky Way | | camping.jpg
text->image | fields and a river seen from above | | drone_0031.jpg
text->image | street map with a red pin | | map_centre.png
text->image | map of the world | | atlas_page.jpg
text->image | the moon with craters, black and white | | IMG_5001.png
text->image | a basketball bouncing | | bounce.gif
text->image | sheet of many small photographs | | contact_sheet.jpg
text->image | bar chart of monthly sales | | sales_2023.png
text->image | line chart of temperatures | | plot_temperature.png
text->image | pie chart of household expenses | | figure_3.png
text->image | scatter plot with a trend line | | figure_4.png
text->image | heatmap of visitors by hour and weekday | | visitors.png
text->image | stacked bars of electricity by source | | energy_mix.png
text->image | web shop dashboard with revenue and orders | | dashboard_shop.png
text->image | dark monitoring screen with a cpu alert | | Screenshot_ops.png
text->image | contour lines of terrain height | | contour.png
text->image | error message that the disk is full | | Screenshot_0412.png
text->image | login page of a bank | | Screenshot_0413.png
text->image | notification settings with switches | | Screenshot_0420.png
text->image | terminal with a Python traceback | | terminal.png
text->image | source code of a water pump in an editor | | Screenshot_0431.png
text->image | group chat about a hike | | chat.png
text->image | spreadsheet of travel costs | | Screenshot_0502.png
text->image | mail inbox | | Screenshot_0507.png
text->image | weather forecast on a phone | | phone_01.png
text->image | roadmap slide with four quarters | | slide_02.png
text->image | diagram of the water cycle | | lecture_07.png
text->image | agenda of a team offsite | | slide_agenda.png
text->image | cost of electric and petrol cars compared | | slide_09.jpg
text->document | invoice for an oak dining table | | inv_0187.pdf
text->document | how to descale the coffee machine | | E20_en.pdf
text->document | share of wind power in electricity generation | | energy_report.pdf
text->document | restaurant menu with desserts | | menu.pdf
text->document | is the tenant allowed to keep a dog | | contract_2nd_floor.pdf
text->document | typed letter about the repaired lighthouse | | scan_0003.pdf
text->text | how to repair a punctured tube | | bike_care.md
text->text | when to oil the chain | | bike_care.md
text->text | recipe for a cake with apples | | apple_cake.md
text->text | a day among castles and fog in Sintra | | travel_diary.txt
text->text | who pays for the Polish translation | | meeting_2024-03-12.md
text->text | how much to water tomatoes in July | | vegetable_garden.md
text->text | what is new in the photo program | | release_notes.html
text->text | what to do when bees want to swarm | | beekeeping.html
text->text | how many red armchairs are in stock | | inventory.csv
text->text | which folders are backed up every night | | backup_config.json
text->text | code that computes the phase of the moon | | moon_phase.py
text->text | script to rename pictures by date taken | | rename_photos.py
text->text | mountain emergency signal | | packing_list.txt
text->text | when is a player offside | | football_rules.md
text->text | Zugfahrt nach München am Wochenende | | reiseplan.txt
text->text | waltz about a lighthouse keeper | | song_ideas.txt
text->text | why do house plants get yellow leaves | | houseplants.txt
text->text | job on a sleeper train | | job_posting.md
text->text | how to find the Pole Star | | stars.md
text->audio | church bell ringing | | tower.flac
text->audio | rain falling | | REC_0007.ogg
text->audio | ambulance siren | | siren.mp3
text->audio | knocking on a door | | REC_0012.wav
text->audio | alarm clock beeping | | alarm.wav
text->audio | car engine revving | | engine.mp3
text->audio | people clapping | | hall.ogg
text->audio | birds singing in the morning | | morning.ogg
text->audio | clock ticking | | REC_0031.flac
text->audio | waves on a beach | | shore.mp3
text->audio | piano melody | | melody.flac
text->audio | organ chords | | organ.ogg
text->audio | drum beat | | beat.mp3
text->audio | a voice reminds of the bicycle chain | | memo_01.ogg
text->audio | somebody says what is needed for an apple cake | | memo_02.mp3
text->audio | station announcement of a train | | announcement.wav
text->audio | dentist leaves a message | | voicemail.ogg
text->video | a red car drives past, then a beach, then a bar chart | | clip_01.mp4
text->video | video of fish and a city at night | | clip_02.webm
text->video | holiday film with mountains and a boat | | holiday.mkv
text->video | filmed lighthouse by the sea | | MVI_0450.mp4
text->video | a red ball rolling over a table | | MVI_0462.mkv
text->video | clip of rain in front of houses | | MVI_0462.mkv
text->video | video of a cat, a dog and a bird | | pets.webm
text->video | recording of a code editor and a terminal | | screen_recording.mp4
image->image | | IMG_2041.jpg | winter_drive.jpg
image->image | | DSC_0113.jpg | IMG_1561.jpg slide_09.jpg
image->image | | IMG_0007.jpg | midnight.jpg
image->image | | IMG_3308.png | IMG_3309.jpg still_life.jpg
image->image | | IMG_2077.jpg | DSC_0127.jpg
image->image | | talk_cover.jpg | panorama.jpg
image->image | | balls_a.png | balls_b.png
image->video | | P1040412.jpg | clip_01.mp4 MVI_0450.mp4
image->video | | midnight.jpg | pets.webm
image->video | | aquarium.png | clip_02.webm
image->video | | regatta.webp | holiday.mkv
image->video | | Screenshot_0431.png | screen_recording.mp4
image->document | | energy_mix.png | energy_report.pdf
image->document | | plot_temperature.png | energy_report.pdf
image->document | | dinner_friday.jpg | menu.pdf
image->text | | DSC_0660.jpg | beekeeping.html
image->text | | DSC_0127.jpg | bike_care.md
image->text | | IMG_5001.png | moon_phase.py
image->text | | kickoff.webp | football_rules.md
image->text | | camping.jpg | stars.md
image->audio | | IMG_2041.jpg | engine.mp3
image->audio | | DSC_0655.jpg | morning.ogg
image->audio | | P1040412.jpg | shore.mp3
text+image->image | the same car in blue | IMG_2041.jpg | DSC_0113.jpg IMG_1561.jpg
text+image->image | the same, but green | IMG_3308.png | IMG_3309.jpg
text+image->image | this animal with black fur | IMG_0007.jpg | midnight.jpg
text+image->image | the same bicycle in green | IMG_2077.jpg | DSC_0127.jpg
text+image->image | the colours swapped | balls_b.png | balls_a.png
text+image->image | a house of this colour | furniture_17.jpg | IMG_1560.jpg
text+image->video | this car driving | DSC_0113.jpg | clip_02.webm
text+image->document | a letter about this building | coast_trip.webp | scan_0003.pdf
text+image->text | how to care for this | DSC_0127.jpg | bike_care.md
text+image->audio | what it sounds like when it starts | DSC_0113.jpg | engine.mp3
"""
FOLDERS = ("pictures", "charts", "screenshots", "slides", "documents", "notes", "sounds", "videos")


def _index(corpus: Path) -> dict[str, str]:
    return {path.name: f"{folder}/{path.name}" for folder in FOLDERS for path in sorted((corpus / folder).iterdir())}


def rows(corpus: Path) -> list[dict[str, object]]:
    """The questions with full paths; a KeyError names a file that the corpus lacks."""
    where, out = _index(corpus), []
    for row in ROWS.strip().splitlines():
        pair, query, image, answers = (cell.strip() for cell in row.split("|"))
        entry: dict[str, object] = {"query": query}
        if image:
            entry["image"] = where[image]
        out.append({**entry, "relevant": [where[name] for name in answers.split()], "pair": pair})
    return out


def make(corpus: Path) -> None:
    """Write `queries.jsonl` beside the folders."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows(corpus)]
    (corpus / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
