# What is wrong is named with its line; what is right is said to be.
unset AIDETECT_SOURCE AIDETECT_BUILD AIDETECT_CONFIG
printf 'listen: 127.0.0.1:0\nqueue:\n  max: 5\n' >good.yaml
printf 'queue:\n  max: 5\n  depth: 6\n' >unknown.yaml
printf 'queue: {max: 5000}\n' >range.yaml
printf 'queue: [1]\n' >list.yaml
printf 'queue: {max: 5\n' >broken.yaml
printf 'listen: everywhere\n' >listen.yaml
printf 'workers: 1\nthreshold: fpr:0.1\n' >threshold.yaml
for file in good unknown range list broken listen threshold absent; do
    aidetect config check "$file.yaml" 2>&1
    echo "$?"
done
AIDETECT_QUEUE_MAX=0 aidetect config check good.yaml 2>&1
echo "$?"
AIDETECT_THRESHOLD=fpr:0.05 aidetect config check good.yaml
echo "$?"
AIDETECT_QEUE_MAX=7 aidetect config check good.yaml 2>&1
echo "$?"
aidetect config check good.yaml --set queue.max=x 2>&1
echo "$?"
aidetect config verify good.yaml 2>&1
echo "$?"
aidetect config check 2>&1
mkdir configs
echo 'workers: many' >configs/aidetect.yaml
aidetect config check 2>&1
AIDETECT_CONFIG=good.yaml aidetect config check 2>&1
aidetect serve --config unknown.yaml 2>&1
echo "$?"
