# Real autoencoders, tile by tile, against PyTorch: within 1e-3 of values from 0 to 1.
folder=$AIDETECT_SOURCE/../shared/data/vae
[ -d "$folder" ] || exit 77
make_photo texture-png photo.png 3
python=python3
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then python=/usr/bin/python3; fi
"$python" -B "$AIDETECT_SOURCE/tests/cli/twins/pytorch.py" "$folder" photo.png
