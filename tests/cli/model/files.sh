# What a weights file says about itself, and its export.
mkdir models
make_model ai models/b.safetensors
make_model real models/a.safetensors
echo broken >models/c.safetensors
aidetect model list | sed 's/[0-9a-f]\{12\}/HASH/'
aidetect model show models/b.safetensors | sed 's/[0-9a-f]\{64\}/HASH/' | grep -E '^(file|version|sha256|threshold) '
aidetect model export models/b.safetensors -o b.onnx && [ -s b.onnx ] && echo exported
for arguments in 'export models/b.safetensors' 'use' 'drop x' 'show absent' 'use b --url http://127.0.0.1:1'; do
    # shellcheck disable=SC2086  # words are meant
    aidetect model $arguments 2>&1 | sed 's/: Could.*//; s/Failed to connect.*/FAILED/'
    echo "${PIPESTATUS[0]}"
done
