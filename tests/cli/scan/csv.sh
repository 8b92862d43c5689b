make_model real m && make_photo texture-jpeg 'a "b", c.jpg'
aidetect scan -q -m m --format csv 'a "b", c.jpg' missing.jpg | tr -d '\r'
aidetect scan -q -m m --format csv --timings 'a "b", c.jpg' missing.jpg >out.csv
python3 -c '
import csv
rows = list(csv.reader(open("out.csv", newline="")))
print(len(rows), {len(row) for row in rows}, rows[1][0], rows[2][1])'
