make_model real m && mkdir photos && make_photo texture-jpeg photos/a.jpg && make_photo tiny-jpeg 'photos/b c.jpg'
aidetect scan -m m photos/ 
